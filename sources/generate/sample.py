"""The plans of the sample catalogue (`deploy/sample/catalogue`) that generated accounts are on."""

from __future__ import annotations

from sources.generate.population import Offer, Offers, Service

SAMPLE_OFFERS: Offers = {
    Service.VOICE: (
        Offer("home-voice", "EUR"),
        Offer("business-voice", "EUR"),
        Offer("home-voice-gb", "GBP"),
    ),
    Service.DEVICE: (Offer("iot-basic", "EUR"), Offer("iot-basic-gb", "GBP")),
    Service.CLIENT: (Offer("iot-basic", "EUR"), Offer("iot-basic-gb", "GBP")),
    Service.METER: (Offer("metering", "EUR"), Offer("metering-gb", "GBP")),
    Service.VIEWER: (Offer("video", "EUR"), Offer("video-gb", "GBP")),
}
