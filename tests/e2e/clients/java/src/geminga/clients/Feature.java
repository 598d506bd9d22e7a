package geminga.clients;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The test of one feature; `value` is its name in features.toml. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
@interface Feature {
    String value();
}
