package geminga.clients;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** JSON web tokens, signed with the servers' secret key. `seconds` is how long the servers take one: that may be longer than what it says. */
final class Tokens {
    private Tokens() {}

    static String make(Settings settings, String subject, double seconds) throws Exception {
        long expires = (long) Math.ceil(System.currentTimeMillis() / 1000.0 + seconds - settings.leeway());
        String body = encoded("{\"alg\":\"HS256\"}") + "." + encoded("{\"sub\":\"" + subject + "\",\"exp\":" + expires + "}");
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Files.readAllBytes(Path.of(settings.secretKeyFile())), "HmacSHA256"));
        return body + "." + Base64.getUrlEncoder().withoutPadding().encodeToString(mac.doFinal(body.getBytes(StandardCharsets.US_ASCII)));
    }

    private static String encoded(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
