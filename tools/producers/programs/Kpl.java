import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Puts the lines of standard input, each a partition key, a tab and an event, with the Kinesis Producer Library.
 *
 * <p>Arguments: the stream, a port of 127.0.0.1 that speaks TLS, its certificate, and a folder for the native daemon.
 */
public final class Kpl {
  public static void main(String[] arguments) throws Exception {
    long port = Long.parseLong(arguments[1]);
    KinesisProducer producer =
        new KinesisProducer(
            new KinesisProducerConfiguration()
                .setRegion(System.getenv("AWS_REGION"))
                .setKinesisEndpoint("127.0.0.1")
                .setKinesisPort(port)
                .setCaCertFile(arguments[2])
                .setTempDirectory(arguments[3])
                .setMetricsLevel("none"));
    List<Future<UserRecordResult>> results = new ArrayList<>();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = lines.readLine()) != null; ) {
      String[] parts = line.split("\t", 2);
      ByteBuffer data = ByteBuffer.wrap(parts[1].getBytes(StandardCharsets.UTF_8));
      results.add(producer.addUserRecord(arguments[0], parts[0], data));
      if (results.size() == 1) {
        results.get(0).get(); // before it knows the shards, a KPL aggregates nothing
      }
    }
    producer.flushSync();
    for (Future<UserRecordResult> result : results) {
      result.get();
    }
    producer.destroy();
  }
}
