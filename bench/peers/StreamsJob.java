// SPDX-License-Identifier: Apache-2.0
//
// The job of bench/kafka.py in Kafka Streams, exactly_once_v2: filter, group by category, count and sum of load_ms, the
// results to a topic. Ends by itself when it has counted as many records as it was told.
//   java -cp ... StreamsJob.java BOOTSTRAP TOPIC OUT RECORDS THREADS STATE_FOLDER
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

public final class StreamsJob {
    private static final JsonFactory FACTORY = new JsonFactory();

    private record Event(String category, long status, double loadMs, double temperature) {}

    private record Total(long count, double sum) {}

    private static Event parse(byte[] bytes) {
        String category = null;
        long status = 0;
        double loadMs = 0;
        double temperature = 0;
        try (JsonParser parser = FACTORY.createParser(bytes)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "category" -> category = parser.getText();
                    case "status" -> status = parser.getLongValue();
                    case "load_ms" -> loadMs = parser.getDoubleValue();
                    case "temperature" -> temperature = parser.getDoubleValue();
                    default -> { }
                }
            }
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
        return new Event(category, status, loadMs, temperature);
    }

    private static Serde<Total> totals() {
        return Serdes.serdeFrom(
            (topic, total) -> total == null ? null
                : ByteBuffer.allocate(16).putLong(total.count).putDouble(total.sum).array(),
            (topic, bytes) -> {
                if (bytes == null) {
                    return null;
                }
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                return new Total(buffer.getLong(), buffer.getDouble());
            });
    }

    public static void main(String[] arguments) throws Exception {
        final long expected = Long.parseLong(arguments[3]);
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench-" + System.nanoTime());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(arguments[4]));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 5000);
        settings.put(StreamsConfig.consumerPrefix("fetch.max.bytes"), 50 << 20);
        settings.put(StreamsConfig.consumerPrefix("max.partition.fetch.bytes"), 4 << 20);
        AtomicLong read = new AtomicLong();
        AtomicLong kept = new AtomicLong();
        AtomicLong added = new AtomicLong();
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(arguments[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(bytes -> {
                read.incrementAndGet();
                return parse(bytes);
            })
            .filter((key, event) -> event.status == 200 && event.temperature > 0)
            .map((key, event) -> {
                kept.incrementAndGet();
                return org.apache.kafka.streams.KeyValue.pair(event.category, event.loadMs);
            })
            .groupByKey(Grouped.with(Serdes.String(), Serdes.Double()))
            .aggregate(() -> new Total(0, 0), (category, loadMs, total) -> {
                added.incrementAndGet();
                return new Total(total.count + 1, total.sum + loadMs);
            }, Materialized.<String, Total>as(Stores.inMemoryKeyValueStore("totals"))
                .withKeySerde(Serdes.String()).withValueSerde(totals()))
            .toStream()
            .mapValues(total -> total.count + " " + total.sum)
            .to(arguments[2], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                .SHUTDOWN_CLIENT;
        });
        final long start = System.nanoTime();
        streams.start();
        while ((read.get() < expected || added.get() < kept.get()) && streams.state() != KafkaStreams.State.ERROR) {
            Thread.sleep(10);
        }
        final double seconds = (System.nanoTime() - start) / 1e9;
        streams.close(Duration.ofSeconds(30)); // commits
        System.out.printf("{\"records\":%d,\"kept\":%d,\"added\":%d,\"seconds\":%.3f}%n", read.get(), kept.get(), added.get(),
            seconds);
        System.exit(read.get() == expected && added.get() == kept.get() ? 0 : 1);
    }
}
