// SPDX-License-Identifier: Apache-2.0
//
// HBaseVectors.java - what HBase's own Bytes and OrderedBytes make of values: one line each of the encoding as a mapping
// names it, the SQL type, the bytes in hex, and the value as SQL writes it, with bytes that are no ASCII as \xNN.
// make_hbase_vectors.py runs it.
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;

import org.apache.hadoop.hbase.util.Bytes;
import org.apache.hadoop.hbase.util.Order;
import org.apache.hadoop.hbase.util.OrderedBytes;
import org.apache.hadoop.hbase.util.SimplePositionedMutableByteRange;

public class HBaseVectors {
    interface Writer {
        void write(SimplePositionedMutableByteRange out, Order order);
    }

    static final long[] LONGS = {0, 1, -1, 2, 5, -5, 9, 10, 11, 99, 100, 101, -100, 127, 128, -128, -129, 255, 256, 1000,
        9999, 10000, 32767, 32768, -32768, -32769, 65535, 1000000, 2147483647L, 2147483648L, -2147483648L, -2147483649L,
        1700000000000L, 100000000000000000L, 999999999999999999L, -1000000000000000000L, Long.MAX_VALUE - 1,
        Long.MAX_VALUE, Long.MIN_VALUE + 1, Long.MIN_VALUE};
    static final double[] DOUBLES = {0.0, -0.0, 1, -1, 1.5, -1.5, 0.1, -0.1, 3.141592653589793, 1e10, -1e-10, 1e100, 1e-100,
        123456789.125, Double.MAX_VALUE, -Double.MAX_VALUE, Double.MIN_VALUE, -Double.MIN_VALUE, Double.MIN_NORMAL,
        Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN};
    static final float[] FLOATS = {0f, -0f, 1f, -1f, 1.5f, 0.1f, -0.1f, 16777216f, Float.MAX_VALUE, -Float.MAX_VALUE,
        Float.MIN_VALUE, Float.MIN_NORMAL, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN};
    static final String[] DECIMALS = {"0", "0.00", "1", "-1", "1.50", "-11.61", "0.5", "0.05", "0.005", "0.0001", "-0.0001",
        "9.99", "10", "99", "99.99", "100", "100.5", "123.456", "-123.456", "1234567890", "12345678901234567890",
        "-12345678901234567890.123456789", "0.00000000000000000001", "100000000000000000000", "1000000000000000000000000",
        "-99999999999999999999999999", "1234567890123456789012345678901", "0.1234567890123456789012345678901",
        "-0.0000000000000000000000000000012345"};
    static final String[] TEXTS = {"", "a", "ab", "b", "speed", "Zürich", "日本", "😀", "a b|c", "\\", "~\u007F", "zzzzzzzzzzzzz"};
    static final String[] BLOBS = {"", "00", "01", "7F", "80", "FF", "0000", "00FF", "FFFFFF", "01020304050607",
        "0102030405060708", "FFFFFFFFFFFFFF", "00000000000000", "80808080808080808080", "61626364656667686970717273"};

    static String hex(byte[] bytes) {
        StringBuilder out = new StringBuilder();
        for (byte b : bytes) {
            out.append(String.format("%02X", b & 0xFF));
        }
        return out.toString();
    }

    static byte[] bytes(String hex) {
        byte[] out = new byte[hex.length() / 2];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return out;
    }

    static void line(String encoding, String type, byte[] bytes, String value) {
        System.out.println(encoding + "\t" + type + "\t" + hex(bytes) + "\t" + value);
    }

    static void ordered(String encoding, String type, String value, Writer writer) {
        for (Order order : Order.values()) {
            SimplePositionedMutableByteRange out = new SimplePositionedMutableByteRange(200);
            writer.write(out, order);
            line(order == Order.ASCENDING ? encoding : encoding + "_desc", type,
                Arrays.copyOf(out.getBytes(), out.getPosition()), value);
        }
    }

    static void whole(long value) {
        String text = Long.toString(value);
        if (value == (byte) value) {
            line("byte", "TINYINT", new byte[] {(byte) value}, text);
            ordered("ordered", "TINYINT", text, (out, order) -> OrderedBytes.encodeInt8(out, (byte) value, order));
        }
        if (value == (short) value) {
            line("short", "SMALLINT", Bytes.toBytes((short) value), text);
            ordered("ordered", "SMALLINT", text, (out, order) -> OrderedBytes.encodeInt16(out, (short) value, order));
        }
        if (value == (int) value) {
            line("int", "INTEGER", Bytes.toBytes((int) value), text);
            line("int", "BIGINT", Bytes.toBytes((int) value), text);
            ordered("ordered", "INTEGER", text, (out, order) -> OrderedBytes.encodeInt32(out, (int) value, order));
        }
        line("long", "BIGINT", Bytes.toBytes(value), text);
        line("reversed", "BIGINT", Bytes.toBytes(Long.MAX_VALUE - value), text);
        ordered("ordered", "BIGINT", text, (out, order) -> OrderedBytes.encodeInt64(out, value, order));
        ordered("numeric", "BIGINT", text, (out, order) -> OrderedBytes.encodeNumeric(out, value, order));
    }

    static void decimal(String text) {
        BigDecimal value = new BigDecimal(text);
        line("decimal", "DECIMAL(38,10)", Bytes.toBytes(value), text);
        ordered("numeric", "DECIMAL(38,10)", text, (out, order) -> OrderedBytes.encodeNumeric(out, value, order));
    }

    static void real(double value) {
        String text = Double.toString(value);
        line("double", "DOUBLE", Bytes.toBytes(value), text);
        ordered("ordered", "DOUBLE", text, (out, order) -> OrderedBytes.encodeFloat64(out, value, order));
        ordered("numeric", "DOUBLE", text, (out, order) -> OrderedBytes.encodeNumeric(out, value, order));
    }

    static void text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        line("text", "VARCHAR", Bytes.toBytes(value), Bytes.toStringBinary(utf8));
        ordered("ordered", "VARCHAR", Bytes.toStringBinary(utf8),
            (out, order) -> OrderedBytes.encodeString(out, value, order));
        ordered("blob_last", "VARCHAR", Bytes.toStringBinary(utf8),
            (out, order) -> OrderedBytes.encodeBlobCopy(out, utf8, order));
    }

    static void blob(byte[] value) {
        String text = Bytes.toStringBinary(value);
        boolean hasZero = false;
        for (byte b : value) {
            hasZero |= b == 0;
        }
        line("raw", "BLOB", value, text);
        ordered("ordered", "BLOB", text, (out, order) -> OrderedBytes.encodeBlobVar(out, value, order));
        if (!hasZero) {
            ordered("blob_last", "BLOB", text, (out, order) -> OrderedBytes.encodeBlobCopy(out, value, order));
        }
    }

    public static void main(String[] arguments) {
        Random random = new Random(20261123);
        for (long value : LONGS) {
            whole(value);
        }
        for (int i = 0; i < 24; i++) {
            whole(random.nextLong() >> random.nextInt(64));
        }
        for (double value : DOUBLES) {
            real(value);
        }
        for (int i = 0; i < 24; i++) {
            real((random.nextDouble() - 0.5) * Math.pow(10, random.nextInt(40) - 20));
        }
        for (float value : FLOATS) {
            line("float", "FLOAT", Bytes.toBytes(value), Float.toString(value));
            ordered("ordered", "FLOAT", Float.toString(value),
                (out, order) -> OrderedBytes.encodeFloat32(out, value, order));
        }
        for (String value : DECIMALS) {
            decimal(value);
        }
        for (int i = 0; i < 24; i++) {
            decimal(new BigDecimal(new BigInteger(1 + random.nextInt(90), random), random.nextInt(28)).toPlainString());
        }
        for (String value : TEXTS) {
            text(value);
        }
        for (String value : BLOBS) {
            blob(bytes(value));
        }
        for (int i = 0; i < 24; i++) {
            byte[] value = new byte[random.nextInt(40)];
            random.nextBytes(value);
            blob(value);
        }
        line("boolean", "BOOLEAN", Bytes.toBytes(true), "true");
        line("boolean", "BOOLEAN", Bytes.toBytes(false), "false");
        line("millis", "TIMESTAMP", Bytes.toBytes(1700000000123L), "2023-11-14T22:13:20.123");
        line("millis", "TIMESTAMP", Bytes.toBytes(-1L), "1969-12-31T23:59:59.999");
        line("seconds", "TIMESTAMP", Bytes.toBytes(1700000000L), "2023-11-14T22:13:20");
        line("micros", "TIMESTAMP", Bytes.toBytes(1700000000123456L), "2023-11-14T22:13:20.123456");
        line("reversed", "TIMESTAMP", Bytes.toBytes(Long.MAX_VALUE - 1700000000123L), "2023-11-14T22:13:20.123");
        line("int", "DATE", Bytes.toBytes(19675), "2023-11-14");
        line("ordered", "INTEGER", new byte[] {5}, "NULL");
        ordered("ordered", "VARCHAR", "NULL", (out, order) -> OrderedBytes.encodeString(out, null, order));
        ordered("ordered", "BLOB", "NULL", (out, order) -> OrderedBytes.encodeBlobVar(out, null, order));
    }
}
