package geminga.clients;

import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** What a test expects. */
final class Check {
    private Check() {}

    interface Action {
        void run() throws Exception;
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void that(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static void same(Object expected, Object actual, String what) {
        if (!Objects.equals(expected, actual)) throw new AssertionError(what + ": expected " + expected + ", got " + actual);
    }

    /** Fails unless `action` fails with `error`, or an error which that caused. */
    static void fails(Class<? extends Throwable> error, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception thrown) {
            for (Throwable each = thrown; each != null; each = each.getCause()) {
                if (error.isInstance(each)) return;
            }
            throw new AssertionError("expected " + error.getSimpleName() + ", got " + thrown, thrown);
        }
        throw new AssertionError("expected " + error.getSimpleName() + ", but nothing was refused");
    }

    static void eventually(String what, double seconds, Condition condition) throws Exception {
        long deadline = System.nanoTime() + (long) (seconds * 1e9);
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) throw new AssertionError("not within " + seconds + " s: " + what);
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }
}
