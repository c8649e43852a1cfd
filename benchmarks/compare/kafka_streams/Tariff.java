import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The prices of the standard workload (pipeline/bench/tariff.py), written out for it: a card by prefix
 * and band, minutes and messages that are free, tiers of data. Amounts are exact and rounded once.
 */
final class Tariff {
    /** What an event comes to; `counter` and `counted` are null where the price asks for none. */
    record Priced(
            String priceId,
            BigDecimal used,
            BigDecimal billed,
            BigDecimal free,
            String unit,
            BigDecimal amount,
            String counter,
            BigDecimal counted) {}

    private record Row(BigDecimal price, BigDecimal per, long first, long following, BigDecimal fee) {}

    private record Tier(BigDecimal from, BigDecimal upto, BigDecimal amount, BigDecimal costBefore) {}

    private static final int PLACES = 10;
    private static final BigDecimal ZERO = BigDecimal.ZERO;
    private static final BigDecimal GB = new BigDecimal("1000000000");
    private static final BigDecimal MINUTES = new BigDecimal(600 * 60);
    private static final BigDecimal MESSAGES = new BigDecimal(1000);
    private static final BigDecimal MESSAGE = new BigDecimal("0.002");
    private static final Tier[] TIERS = tiers();

    private final Map<String, Row> peak = new HashMap<>();
    private final Map<String, Row> offPeak = new HashMap<>();
    private final Map<String, ZoneId> zones = new ConcurrentHashMap<>();
    private int longest = 0;

    Tariff(Path catalogue) throws IOException {
        try (var lines = Files.lines(catalogue.resolve("cards/world.csv"))) {
            lines.skip(1).forEach(this::read);
        }
    }

    private void read(String line) {
        String[] fields = line.split(",", -1);
        Row row =
                new Row(
                        new BigDecimal(fields[2]),
                        new BigDecimal(fields[3]),
                        Long.parseLong(fields[4]),
                        Long.parseLong(fields[5]),
                        fields[6].isEmpty() ? ZERO : new BigDecimal(fields[6]));
        (fields[7].equals("peak") ? peak : offPeak).put(fields[0], row);
        longest = Math.max(longest, fields[0].length());
    }

    ZonedDateTime local(long atMs, String zone) {
        ZoneId found = zones.computeIfAbsent(zone, ZoneId::of);
        return Instant.ofEpochMilli(atMs).atZone(found);
    }

    /**
     * What an event comes to, or null where there is no price for it. `before` tells what a counter
     * of the month holds; it is asked for the one that the price names.
     */
    Priced price(RatingApp.Event event, ZonedDateTime local, Function<String, BigDecimal> before) {
        return switch (event.plan() + "/" + event.product()) {
            case "voice-basic/voice" -> call(event, local, null, null);
            case "voice-bundle/voice" -> {
                String counter = "allowance:" + event.subscription_id() + ":voice-bundle/minutes:s";
                yield call(event, local, counter, before);
            }
            case "iot/iot-data" -> data(event, before);
            case "iot/iot-message" -> message(event, before);
            default -> null;
        };
    }

    private Priced call(
            RatingApp.Event event,
            ZonedDateTime local,
            String counter,
            Function<String, BigDecimal> before) {
        BigDecimal used = event.quantities().get("s");
        if (used == null || used.signum() <= 0 || event.destination() == null) {
            return null;
        }
        Row row = row(event.destination(), isPeak(local) ? peak : offPeak);
        if (row == null) {
            return null;
        }
        BigDecimal free = ZERO;
        if (counter != null) {
            free = MINUTES.subtract(before.apply(counter)).max(ZERO).min(used);
        }
        BigDecimal rest = used.subtract(free);
        BigDecimal billed = ZERO;
        BigDecimal amount = ZERO;
        if (rest.signum() > 0) {
            billed = billed(row, rest);
            BigDecimal cost = row.price().multiply(billed).add(row.fee().multiply(row.per()));
            amount = cost.divide(row.per(), PLACES, RoundingMode.HALF_UP);
        }
        String priceId = event.plan() + "/calls";
        return new Priced(priceId, used, billed, free, "s", amount, counter, free);
    }

    private static boolean isPeak(ZonedDateTime local) {
        boolean weekday = local.getDayOfWeek().compareTo(DayOfWeek.FRIDAY) <= 0;
        return weekday && local.getHour() >= 8 && local.getHour() < 18;
    }

    private Row row(String destination, Map<String, Row> rows) {
        for (int end = Math.min(longest, destination.length()); end > 0; end--) {
            Row row = rows.get(destination.substring(0, end));
            if (row != null) {
                return row;
            }
        }
        return null;
    }

    private static BigDecimal billed(Row row, BigDecimal used) {
        long units = used.setScale(0, RoundingMode.CEILING).longValueExact();
        if (units <= row.first()) {
            return BigDecimal.valueOf(row.first());
        }
        long beyond = units - row.first();
        long started = (beyond + row.following() - 1) / row.following();
        return BigDecimal.valueOf(row.first() + started * row.following());
    }

    private static Priced data(RatingApp.Event event, Function<String, BigDecimal> before) {
        BigDecimal used = event.quantities().get("B");
        if (used == null) {
            return null;
        }
        String counter = "tier:" + event.subscription_id() + ":iot/data:B";
        BigDecimal done = before.apply(counter);
        BigDecimal amount = month(done.add(used)).subtract(month(done));
        return new Priced("iot/data", used, used, ZERO, "B", amount, counter, used);
    }

    private static BigDecimal month(BigDecimal units) {
        Tier tier = TIERS[0];
        for (Tier one : TIERS) {
            if (units.compareTo(one.from()) > 0) {
                tier = one;
            }
        }
        BigDecimal within = units.subtract(tier.from()).multiply(tier.amount());
        return tier.costBefore().add(within).divide(GB, PLACES, RoundingMode.HALF_UP);
    }

    private static Tier[] tiers() {
        String[][] written = {{"10", "1.00"}, {"20", "1.25"}, {"50", "1.50"}, {null, "2.00"}};
        Tier[] found = new Tier[written.length];
        BigDecimal from = ZERO;
        BigDecimal cost = ZERO;
        for (int place = 0; place < written.length; place++) {
            String upto = written[place][0];
            BigDecimal end = upto == null ? null : new BigDecimal(upto).multiply(GB);
            BigDecimal amount = new BigDecimal(written[place][1]);
            found[place] = new Tier(from, end, amount, cost);
            if (end != null) {
                cost = cost.add(end.subtract(from).multiply(amount));
                from = end;
            }
        }
        return found;
    }

    private static Priced message(RatingApp.Event event, Function<String, BigDecimal> before) {
        BigDecimal used = event.quantities().getOrDefault("record", BigDecimal.ONE);
        String counter = "allowance:" + event.subscription_id() + ":iot/messages:record";
        BigDecimal free = MESSAGES.subtract(before.apply(counter)).max(ZERO).min(used);
        BigDecimal billed = used.subtract(free);
        BigDecimal amount = billed.signum() > 0 ? MESSAGE : ZERO;
        return new Priced("iot/messages", used, billed, free, "record", amount, counter, free);
    }
}
