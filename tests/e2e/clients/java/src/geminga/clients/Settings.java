package geminga.clients;

/** Where the servers are. The two with authentication are another server than the first two. */
record Settings(String url, String admin, String authUrl, String secretKeyFile, int leeway) {
    static Settings fromEnvironment() {
        return new Settings(required("CLIENTS_URL"), required("CLIENTS_ADMIN"), required("CLIENTS_AUTH_URL"), required("CLIENTS_SECRET_KEY"),
                Integer.parseInt(required("CLIENTS_LEEWAY")));
    }

    private static String required(String name) {
        String value = System.getenv(name);
        if (value == null) throw new IllegalStateException(name + " is not set; start this program by ./dev e2e clients");
        return value;
    }
}
