package geminga.clients;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs the tests, or those whose features are named, and prints one JSON line for each. */
public final class Main {
    private static final int TEST_S = 60;
    private static final List<Class<?>> SUITES =
            List.of(Messages.class, Acknowledgements.class, Producers.class, Subscriptions.class, Positions.class, Topics.class, Policies.class,
                    Limits.class, Failures.class, Schemas.class, Connections.class);

    private Main() {}

    public static void main(String[] names) {
        Settings settings = Settings.fromEnvironment();
        Set<String> wanted = Set.of(names);
        for (Class<?> suite : SUITES) {
            for (Method test : tests(suite)) {
                String feature = test.getAnnotation(Feature.class).value();
                if (wanted.isEmpty() || wanted.contains(feature)) run(test, feature, settings);
            }
        }
        System.exit(0); // threads of a test that did not end do not hold the program
    }

    private static List<Method> tests(Class<?> suite) {
        List<Method> found = new ArrayList<>();
        for (Method method : suite.getDeclaredMethods()) {
            if (method.isAnnotationPresent(Feature.class)) found.add(method);
        }
        found.sort(Comparator.comparing(Method::getName));
        return found;
    }

    private static void run(Method test, String feature, Settings settings) {
        long began = System.nanoTime();
        FutureTask<String> outcome = new FutureTask<>(() -> {
            try (Lab lab = new Lab(settings, feature)) {
                test.invoke(null, lab);
                return "";
            } catch (InvocationTargetException thrown) {
                return describe(thrown.getCause());
            }
        });
        Thread thread = new Thread(outcome, feature);
        thread.setDaemon(true);
        thread.start();
        String detail = wait(outcome, thread);
        System.out.printf("{\"feature\":\"%s\",\"result\":\"%s\",\"detail\":\"%s\",\"ms\":%d}%n", feature, detail.isEmpty() ? "pass" : "fail",
                escaped(detail), (System.nanoTime() - began) / 1_000_000);
        System.out.flush();
    }

    private static String wait(FutureTask<String> outcome, Thread thread) {
        try {
            return outcome.get(TEST_S, TimeUnit.SECONDS);
        } catch (TimeoutException late) {
            return "did not end within " + TEST_S + " s" + place(thread.getStackTrace());
        } catch (ExecutionException | InterruptedException thrown) {
            return describe(thrown);
        }
    }

    private static String describe(Throwable thrown) {
        String text = thrown instanceof AssertionError ? thrown.getMessage() : thrown.getClass().getSimpleName() + ": " + thrown.getMessage();
        return text.strip().replace('\n', ' ') + place(thrown.getStackTrace());
    }

    private static String place(StackTraceElement[] stack) {
        for (StackTraceElement each : stack) {
            boolean ours = each.getClassName().startsWith("geminga.clients") && !each.getClassName().matches(".*\\.(Check|Lab|Main).*");
            if (ours) return " (" + each.getFileName() + ":" + each.getLineNumber() + ")";
        }
        return "";
    }

    private static String escaped(String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ') out.append(' ');
            else out.append(c);
        }
        return out.toString();
    }
}
