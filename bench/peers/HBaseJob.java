// SPDX-License-Identifier: Apache-2.0
//
// What bench/hbase.py measures of HBase's own Java client, and of the Thrift2 gateway: the table of bench/hbase_client.c
// written and read, each cell decoded to a double and summed. All passes but the last warm the virtual machine up; prints
// "rows cells sum wall_s cpu_s" of the last one, CPU being that of the whole process meanwhile.
//   java -cp ... HBaseJob MASTERS scan TABLE THREADS ROWS PASSES
//   java -cp ... HBaseJob MASTERS put TABLE FROM TO THREADS DURABILITY BUFFER_BYTES PASSES
//   java -cp ... HBaseJob HOST:PORT thrift TABLE LIMIT ROWS PASSES
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.Cell;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.HRegionLocation;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.BufferedMutator;
import org.apache.hadoop.hbase.client.BufferedMutatorParams;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.Durability;
import org.apache.hadoop.hbase.client.Put;
import org.apache.hadoop.hbase.client.Result;
import org.apache.hadoop.hbase.client.ResultScanner;
import org.apache.hadoop.hbase.client.Scan;
import org.apache.hadoop.hbase.client.Table;
import org.apache.hadoop.hbase.thrift2.generated.TColumnValue;
import org.apache.hadoop.hbase.thrift2.generated.THBaseService;
import org.apache.hadoop.hbase.thrift2.generated.TResult;
import org.apache.hadoop.hbase.thrift2.generated.TScan;
import org.apache.hadoop.hbase.util.Bytes;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.transport.TSocket;

public final class HBaseJob {
    private static final byte[] FAMILY = Bytes.toBytes("f");
    private static final int COLUMNS = 10;

    private record Total(long rows, long cells, double sum) {
        Total plus(Total other) {
            return new Total(rows + other.rows, cells + other.cells, sum + other.sum);
        }
    }

    private interface Pass {
        Total run() throws Exception;
    }

    private static Total scanPart(Connection connection, String table, byte[] start, byte[] stop, int caching)
            throws Exception {
        long rows = 0;
        long cells = 0;
        double sum = 0;
        Scan scan = new Scan().withStartRow(start).withStopRow(stop).setCaching(caching).setCacheBlocks(false);
        try (Table open = connection.getTable(TableName.valueOf(table)); ResultScanner scanner = open.getScanner(scan)) {
            for (Result result = scanner.next(); result != null; result = scanner.next()) {
                rows++;
                for (Cell cell : result.rawCells()) {
                    cells++;
                    sum += Double.longBitsToDouble(
                        Bytes.toLong(cell.getValueArray(), cell.getValueOffset(), cell.getValueLength()));
                }
            }
        }
        return new Total(rows, cells, sum);
    }

    private static Total inThreads(int threads, List<Pass> parts) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Total>> futures = new ArrayList<>();
            for (Pass part : parts) {
                futures.add(pool.submit(part::run));
            }
            Total total = new Total(0, 0, 0);
            for (Future<Total> future : futures) {
                total = total.plus(future.get());
            }
            return total;
        } finally {
            pool.shutdown();
        }
    }

    private static Total scan(Connection connection, String table, int threads, int caching) throws Exception {
        if (threads == 1) {
            return scanPart(connection, table, new byte[0], new byte[0], caching);
        }
        List<Pass> parts = new ArrayList<>();
        for (HRegionLocation place : connection.getRegionLocator(TableName.valueOf(table)).getAllRegionLocations()) {
            byte[] start = place.getRegion().getStartKey();
            byte[] stop = place.getRegion().getEndKey();
            parts.add(() -> scanPart(connection, table, start, stop, caching));
        }
        return inThreads(threads, parts);
    }

    private static Total putPart(BufferedMutator mutator, long from, long to, Durability durability) throws Exception {
        double sum = 0;
        byte[][] qualifiers = new byte[COLUMNS][];
        for (int column = 0; column < COLUMNS; column++) {
            qualifiers[column] = Bytes.toBytes("q" + column);
        }
        for (long row = from; row < to; row++) {
            Put put = new Put(Bytes.toBytes(String.format("r%010d", row)));
            put.setDurability(durability);
            for (int column = 0; column < COLUMNS; column++) {
                double value = row + column / 4.0;
                sum += value;
                put.addColumn(FAMILY, qualifiers[column], 1000, Bytes.toBytes(value));
            }
            mutator.mutate(put);
        }
        return new Total(to - from, (to - from) * COLUMNS, sum);
    }

    private static Total put(Connection connection, String table, long from, long to, int threads, Durability durability,
            long buffer) throws Exception {
        List<Pass> parts = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            long start = from + (to - from) * i / threads;
            long end = from + (to - from) * (i + 1) / threads;
            parts.add(() -> {
                BufferedMutatorParams params = new BufferedMutatorParams(TableName.valueOf(table)).writeBufferSize(buffer);
                try (BufferedMutator mutator = connection.getBufferedMutator(params)) {
                    return putPart(mutator, start, end, durability);
                }
            });
        }
        return inThreads(threads, parts);
    }

    private static Total thrift(String address, String table, long limit, int caching) throws Exception {
        int colon = address.lastIndexOf(':');
        long rows = 0;
        long cells = 0;
        double sum = 0;
        try (TSocket socket = new TSocket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))) {
            socket.open();
            THBaseService.Client client = new THBaseService.Client(new TBinaryProtocol(socket));
            TScan scan = new TScan();
            scan.setCaching(caching);
            scan.setCacheBlocks(false);
            int scanner = client.openScanner(ByteBuffer.wrap(Bytes.toBytes(table)), scan);
            while (rows < limit) {
                List<TResult> results = client.getScannerRows(scanner, caching);
                if (results.isEmpty()) {
                    break;
                }
                for (TResult result : results) {
                    rows++;
                    for (TColumnValue value : result.getColumnValues()) {
                        cells++;
                        sum += Bytes.toDouble(value.getValue());
                    }
                }
            }
            client.closeScanner(scanner);
        }
        return new Total(rows, cells, sum);
    }

    private static void repeat(int passes, Pass pass) throws Exception {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        for (int i = 0; i < passes; i++) {
            long wall = System.nanoTime();
            long cpu = system.getProcessCpuTime();
            Total total = pass.run();
            if (i == passes - 1) {
                System.out.printf("%d %d %s %.3f %.3f%n", total.rows, total.cells, total.sum, (System.nanoTime() - wall) / 1e9,
                    (system.getProcessCpuTime() - cpu) / 1e9);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[1].equals("thrift")) {
            repeat(Integer.parseInt(args[5]), () -> thrift(args[0], args[2], Long.parseLong(args[3]), Integer.parseInt(args[4])));
            return;
        }
        Configuration configuration = HBaseConfiguration.create();
        configuration.set("hbase.client.registry.impl", "org.apache.hadoop.hbase.client.RpcConnectionRegistry");
        configuration.set("hbase.masters", args[0]);
        try (Connection connection = ConnectionFactory.createConnection(configuration)) {
            if (args[1].equals("scan")) {
                repeat(Integer.parseInt(args[5]),
                    () -> scan(connection, args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4])));
            } else {
                Durability durability = args[6].equals("1") ? Durability.SKIP_WAL : Durability.USE_DEFAULT;
                repeat(Integer.parseInt(args[8]), () -> put(connection, args[2], Long.parseLong(args[3]),
                    Long.parseLong(args[4]), Integer.parseInt(args[5]), durability, Long.parseLong(args[7])));
            }
        }
    }
}
