import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The same rating in Kafka Streams, exactly_once_v2, with three counters in RocksDB stores that have
 * changelog topics. Run by benchmarks.compare: java RatingApp TASK.json.
 */
public final class RatingApp {
    record Task(
            String name,
            String bootstrap,
            String events_topic,
            String charges_topic,
            long events,
            long warm_up,
            String catalogue,
            String scratch,
            String figures) {}

    record Event(
            String id,
            String key,
            String account_id,
            String subscription_id,
            String plan,
            String currency,
            String product,
            String usage_kind,
            long started_at_ms,
            Long ended_at_ms,
            String zone,
            Map<String, BigDecimal> quantities,
            String origin,
            String destination,
            String service_class,
            Map<String, String> attributes) {}

    record Charge(
            String charge_id,
            String account_id,
            String product,
            String used,
            String billed,
            String free,
            String unit,
            String amount,
            String currency,
            String price_id,
            long started_at_ms,
            String counter_after) {}

    private static final ObjectMapper JSON =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private static final String[] STORES = {"price", "product", "unbilled"};

    private final Task task;
    private final Tariff tariff;
    private final CountDownLatch done = new CountDownLatch(1);
    private long events = 0; // by the one stream thread alone
    private long startedCpuNs = 0;
    private long startedNs = 0;

    private RatingApp(Task task) throws IOException {
        this.task = task;
        this.tariff = new Tariff(Path.of(task.catalogue()));
    }

    public static void main(String[] words) throws Exception {
        new RatingApp(JSON.readValue(Path.of(words[0]).toFile(), Task.class)).run();
    }

    private void run() throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        for (String name : STORES) {
            var supplier = Stores.persistentKeyValueStore(name);
            var store = Stores.keyValueStoreBuilder(supplier, Serdes.String(), Serdes.String());
            builder.addStateStore(store.withCachingEnabled());
        }
        builder.stream(task.events_topic(), Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .process(Rating::new, STORES)
                .to(task.charges_topic(), Produced.with(Serdes.String(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings());
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(1);
                    return null;
                });
        streams.start();
        done.await();
        if (!streams.close(Duration.ofSeconds(60))) { // commits
            throw new IllegalStateException("the application did not close within a minute");
        }
        write();
    }

    private Properties settings() {
        Properties found = new Properties();
        found.put(StreamsConfig.APPLICATION_ID_CONFIG, task.name());
        found.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, task.bootstrap());
        found.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        found.put(StreamsConfig.STATE_DIR_CONFIG, task.scratch());
        return found;
    }

    private void read() {
        if (events == task.warm_up()) {
            startedCpuNs = cpuNs();
            startedNs = System.nanoTime();
        }
        events++;
        if (events == task.events()) {
            done.countDown();
        }
    }

    private void write() throws IOException {
        double cpuS = (cpuNs() - startedCpuNs) / 1e9;
        double tookS = (System.nanoTime() - startedNs) / 1e9;
        Path figures = Path.of(task.figures());
        Path unfinished = figures.resolveSibling("figures.new");
        Map<String, Object> answer = Map.of("events", events, "cpu_s", cpuS, "took_s", tookS);
        Files.write(unfinished, JSON.writeValueAsBytes(answer));
        Files.move(unfinished, figures, StandardCopyOption.ATOMIC_MOVE);
    }

    private static long cpuNs() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    /** A counter as it is stored: records, quantity, amount. */
    private record Counter(long records, BigDecimal quantity, BigDecimal amount) {
        private static final Counter NOTHING = new Counter(0, BigDecimal.ZERO, BigDecimal.ZERO);

        static Counter read(String text) {
            if (text == null) {
                return NOTHING;
            }
            String[] parts = text.split(" ");
            return new Counter(
                    Long.parseLong(parts[0]), new BigDecimal(parts[1]), new BigDecimal(parts[2]));
        }

        String with(BigDecimal more, BigDecimal charged) {
            String sum = quantity.add(more).toPlainString();
            return (records + 1) + " " + sum + " " + amount.add(charged).toPlainString();
        }
    }

    private final class Rating implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, String> price;
        private KeyValueStore<String, String> product;
        private KeyValueStore<String, String> unbilled;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            price = context.getStateStore("price");
            product = context.getStateStore("product");
            unbilled = context.getStateStore("unbilled");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                rate(record);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        private void rate(Record<String, byte[]> record) throws IOException {
            read();
            Event event = JSON.readValue(record.value(), Event.class);
            ZonedDateTime local = tariff.local(event.started_at_ms(), event.zone());
            String month = "/" + local.getYear() + "-" + local.getMonthValue();
            Tariff.Priced priced =
                    tariff.price(
                            event, local, name -> Counter.read(price.get(name + month)).quantity());
            if (priced == null) {
                return;
            }
            if (priced.counter() != null) {
                String name = priced.counter() + month;
                price.put(name, Counter.read(price.get(name)).with(priced.counted(), priced.amount()));
            }
            String total = event.key() + "/" + event.product() + month;
            String after = Counter.read(product.get(total)).with(priced.used(), priced.amount());
            product.put(total, after);
            String owed = unbilled.get(event.key());
            unbilled.put(event.key(), Counter.read(owed).with(BigDecimal.ZERO, priced.amount()));
            Charge charge =
                    new Charge(
                            event.id(),
                            event.account_id(),
                            event.product(),
                            priced.used().toPlainString(),
                            priced.billed().toPlainString(),
                            priced.free().toPlainString(),
                            priced.unit(),
                            priced.amount().toPlainString(),
                            event.currency(),
                            priced.priceId(),
                            event.started_at_ms(),
                            after);
            context.forward(record.withValue(JSON.writeValueAsBytes(charge)));
        }
    }
}
