// SPDX-License-Identifier: Apache-2.0
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** Asks a server what clients ask, by one of Java's clients: Client http|http1|urlconnection|websocket URL; with $LAB_PATHS it gets those alone. */
public final class Client {
    private static final byte[] MEGABYTE = "0123456789abcdef".repeat(65536).getBytes(StandardCharsets.US_ASCII);

    public static void main(String[] arguments) throws Exception {
        String url = arguments[1];
        if (arguments[0].equals("websocket")) {
            chat(url);
            return;
        }
        Asker asker = arguments[0].equals("urlconnection") ? Client::byConnection : byHttpClient(arguments[0].equals("http"));
        if (System.getenv("LAB_PATHS") != null) {
            for (String path : System.getenv("LAB_PATHS").split(" ")) {
                step(asker, "GET", url + path, null, false, Map.of());
            }
            return;
        }
        Map<String, String> many = new TreeMap<>();
        for (int i = 0; i < 250; i++) {
            many.put("X-Many-" + i, "value " + i);
        }
        step(asker, "GET", url + "/show", null, false, Map.of());
        step(asker, "HEAD", url + "/show", null, false, Map.of());
        step(asker, "POST", url + "/show", "a=1&b=2".getBytes(StandardCharsets.US_ASCII), false, Map.of());
        step(asker, "PUT", url + "/show", MEGABYTE, false, Map.of());
        step(asker, "POST", url + "/show", MEGABYTE, true, Map.of());
        step(asker, "POST", url + "/show", new byte[0], false, Map.of());
        step(asker, "DELETE", url + "/show", null, false, new TreeMap<>(Map.of("X-Quoted", "a \"b\", c", "X-Empty", "")));
        step(asker, "GET", url + "/show?q=%22%3C%3E%5C&caf%C3%A9=%25%0A", null, false, Map.of());
        step(asker, "GET", url + "/redirect", null, false, Map.of());
        step(asker, "GET", url + "/missing", null, false, Map.of());
        step(asker, "GET", url + "/stream", null, false, Map.of("Range", "bytes=1000-1999"));
        step(asker, "GET", url + "/stream", null, false, Map.of());
        // The last: servers that refuse it reset the connection.
        step(asker, "GET", url + "/show", null, false, many);
    }

    private interface Asker {
        void ask(String method, String url, byte[] body, boolean chunked, Map<String, String> headers) throws Exception;
    }

    private static void step(Asker asker, String method, String url, byte[] body, boolean chunked, Map<String, String> headers) {
        System.out.println("== " + method + " " + url.substring(0, Math.min(90, url.length())));
        try {
            asker.ask(method, url, body, chunked, headers);
        } catch (Exception e) {
            System.out.println(e);
        }
    }

    private static void tell(String status, Map<String, List<String>> headers, byte[] body) throws Exception {
        System.out.println(status);
        headers.forEach((name, values) -> System.out.println(name + ": " + values));
        if (body.length < 8192) {
            System.out.println(new String(body, StandardCharsets.ISO_8859_1));
        } else {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
            System.out.printf("%d %064x%n", body.length, new java.math.BigInteger(1, hash));
        }
    }

    /** As it is it offers HTTP/2 with every first request, also with one that has a body. */
    private static Asker byHttpClient(boolean asItIs) {
        HttpClient.Builder builder = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).connectTimeout(Duration.ofSeconds(10));
        HttpClient shared = (asItIs ? builder : builder.version(HttpClient.Version.HTTP_1_1)).build();
        return (method, url, body, chunked, headers) -> {
            HttpRequest.BodyPublisher publisher = body == null ? BodyPublishers.noBody()
                : chunked ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                : BodyPublishers.ofByteArray(body);
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(15)).method(method, publisher);
            headers.forEach(request::header);
            // A new client offers anew.
            HttpClient client = asItIs && body != null ? builder.build() : shared;
            HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
            tell(answer.version() + " " + answer.statusCode(), answer.headers().map(), answer.body());
        };
    }

    private static void byConnection(String method, String url, byte[] body, boolean chunked, Map<String, String> headers) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod(method);
        connection.setReadTimeout(15000);
        headers.forEach(connection::setRequestProperty);
        if (body != null) {
            connection.setDoOutput(true);
            if (chunked) {
                connection.setChunkedStreamingMode(0);
            }
            try (OutputStream output = connection.getOutputStream()) {
                output.write(body);
            }
        }
        int status = connection.getResponseCode();
        Map<String, List<String>> fields = new TreeMap<>();
        connection.getHeaderFields().forEach((name, values) -> fields.put(String.valueOf(name), values));
        try (InputStream input = status >= 400 ? connection.getErrorStream() : connection.getInputStream()) {
            tell("" + status, fields, input == null ? new byte[0] : input.readAllBytes());
        }
    }

    private static void chat(String url) throws Exception {
        CompletableFuture<String> heard = new CompletableFuture<>();
        WebSocket.Listener listener = new WebSocket.Listener() {
            private final StringBuilder text = new StringBuilder();

            @Override
            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                text.append(data);
                if (last) {
                    socket.sendClose(1000, "done");
                }
                socket.request(1);
                return null;
            }

            @Override
            public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                heard.complete(text.length() + " " + text.toString().hashCode() + " " + code + " " + reason);
                return null;
            }

            @Override
            public void onError(WebSocket socket, Throwable error) {
                heard.complete(error.toString());
            }
        };
        WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create(url), listener).get(10, TimeUnit.SECONDS);
        socket.sendText("x".repeat(100000), false).get(10, TimeUnit.SECONDS);
        socket.sendText("y".repeat(100000), true).get(10, TimeUnit.SECONDS);
        System.out.println(heard.get(10, TimeUnit.SECONDS));
    }
}
