// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json;
using Xunit;

namespace Weir.Ui.Tests;

/// <summary>Whom the page's server answers, and what nobody gets from it.</summary>
public sealed class DoorTests : IAsyncLifetime, IDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    private OpenPage _open = null!;

    public async Task InitializeAsync()
    {
        _open = await OpenPage.StartAsync(null, Stack.Shops());
        _client.BaseAddress = new Uri(_open.BaseUrl);
    }

    public async Task DisposeAsync() => await _open.DisposeAsync();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Link_IsGoodOnce_AndForItsOwnServer()
    {
        string link = _open.NewLink();
        Assert.Matches(@"^http://127\.0\.0\.1:[0-9]+/#token=[A-Za-z0-9_-]{43}$", link);
        string token = link.Split("#token=")[1];
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync("/api/status", null)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync("/api/status", token)).Status);
        string key = await OpenSessionAsync(token);
        (HttpStatusCode status, string text) = await AskAsync("/api/status", key);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("\"version\":\"0.1.0\"", text, StringComparison.Ordinal);

        // Again it is nobody's, and says what to do.
        using HttpResponseMessage again = await PostAsync("/session", token, _open.BaseUrl);
        Assert.Equal(HttpStatusCode.Forbidden, again.StatusCode);
        Assert.Contains("open the link that 'weir ui' prints", await again.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await using OpenPage other = await OpenPage.StartAsync(null, new Stack());
        using var request = new HttpRequestMessage(HttpMethod.Get, other.BaseUrl + "/api/status");
        request.Headers.Authorization = new("Bearer", key);
        using HttpResponseMessage elsewhere = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, elsewhere.StatusCode);
    }

    [Theory]
    [InlineData("evil.example", null, null, HttpStatusCode.MisdirectedRequest)]
    [InlineData("evil.example:80", null, null, HttpStatusCode.MisdirectedRequest)]
    [InlineData("10.0.0.1", null, null, HttpStatusCode.MisdirectedRequest)]
    [InlineData("127.0.0.1.evil.example", null, null, HttpStatusCode.MisdirectedRequest)]
    [InlineData("localhost:8765", null, null, HttpStatusCode.OK)] // by ssh -L
    [InlineData("[::1]:8765", null, null, HttpStatusCode.OK)]
    [InlineData("127.0.0.1", "cross-site", "no-cors", HttpStatusCode.Forbidden)]
    [InlineData("127.0.0.1", "same-site", "cors", HttpStatusCode.Forbidden)] // another port of this host
    [InlineData("127.0.0.1", "cross-site", "navigate", HttpStatusCode.OK)] // a link in a chat
    public async Task OtherNamesAndSites_AreRefused(string host, string? site, string? mode, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Host = host;
        if (site is not null)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
            request.Headers.Add("Sec-Fetch-Mode", mode);
        }

        using HttpResponseMessage answer = await _client.SendAsync(request);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Post_TakesTheOriginOfThePageItself()
    {
        string token = _open.NewLink().Split("#token=")[1];
        foreach (string? origin in new[] { null, "null", "http://evil.example", _open.BaseUrl.Replace("http:", "https:", StringComparison.Ordinal), _open.BaseUrl + "0" })
        {
            using HttpResponseMessage refused = await PostAsync("/session", token, origin);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        string key = await OpenSessionAsync(token); // not used up by these
        foreach (HttpMethod method in new[] { HttpMethod.Put, HttpMethod.Delete, HttpMethod.Options, HttpMethod.Patch })
        {
            using var request = new HttpRequestMessage(method, "/api/status");
            request.Headers.Authorization = new("Bearer", key);
            using HttpResponseMessage refused = await _client.SendAsync(request);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
            Assert.False(refused.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task EveryAnswer_TellsTheBrowserToRunNothingElse()
    {
        string key = await OpenSessionAsync(_open.NewLink().Split("#token=")[1]);
        foreach (string path in new[] { "/", "/flows", "/page.js", "/page.css", "/icon.svg", "/none.js", "/../etc/passwd", "/api/status", "/api/none", "/session" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", key);
            using HttpResponseMessage answer = await _client.SendAsync(request);
            string policy = answer.Headers.GetValues("Content-Security-Policy").Single();
            Assert.StartsWith("default-src 'none'; script-src 'self';", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.False(answer.Headers.Contains("Set-Cookie"));
            Assert.True(answer.IsSuccessStatusCode == path is "/" or "/flows" or "/page.js" or "/page.css" or "/icon.svg" or "/api/status", path);
        }
    }

    [Fact]
    public async Task AllOfThePage_IsSmall_AndKnownFilesAreNotSentAgain()
    {
        Assert.InRange(PageFiles.TotalBytes, 10_000, 100_000); // the aim is 300 kB
        using HttpResponseMessage plain = await _client.GetAsync("/page.js");
        Assert.Contains("export function go", await plain.Content.ReadAsStringAsync(), StringComparison.Ordinal); // for who takes no gzip
        using var request = new HttpRequestMessage(HttpMethod.Get, "/page.js");
        request.Headers.IfNoneMatch.Add(plain.Headers.ETag!);
        using HttpResponseMessage again = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
    }

    [Theory]
    [InlineData("/api/flows?since=sometime", HttpStatusCode.BadRequest, "write how long ago")]
    [InlineData("/api/flows?type=all", HttpStatusCode.BadRequest, "it is drop, verdict, l7, tcp or trace")]
    [InlineData("/api/monitor?port=70000", HttpStatusCode.BadRequest, "from 0 to 65535")]
    [InlineData("/api/map?since=x", HttpStatusCode.BadRequest, "write how long ago")]
    [InlineData("/api/endpoint?name=nobody", HttpStatusCode.NotFound, "there is no endpoint")]
    public async Task WrongQuestions_AreToldWhatIsWrong(string path, HttpStatusCode expected, string pattern)
    {
        (HttpStatusCode status, string text) = await AskAsync(path, await OpenSessionAsync(_open.NewLink().Split("#token=")[1]));
        Assert.Equal(expected, status);
        Assert.Matches(pattern, text);
    }

    [Fact]
    public async Task RecordThatTakesLong_KeepsThePageWaiting_AndNotForgotten()
    {
        _open.Agent.RecordTakes = TimeSpan.FromSeconds(2.5);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/map?since=7d");
        request.Headers.Authorization = new("Bearer", await OpenSessionAsync(_open.NewLink().Split("#token=")[1]));
        using HttpResponseMessage answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("{\"wait\":true}", await lines.ReadLineAsync());
        string? line = await lines.ReadLineAsync();
        while (line == "{\"wait\":true}")
        {
            line = await lines.ReadLineAsync();
        }

        Assert.Equal(28, JsonDocument.Parse(line!).RootElement.GetProperty("edges").GetArrayLength());
    }

    [Theory]
    [InlineData("8765", "127.0.0.1:8765")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("localhost:80", "127.0.0.1:80")]
    [InlineData("[::1]:81", "[::1]:81")]
    [InlineData("127.9.9.9:82", "127.9.9.9:82")]
    [InlineData("unix:/run/x.sock", "/run/x.sock")]
    [InlineData("unix:", "path is missing")]
    [InlineData("0.0.0.0:80", "this host alone")]
    [InlineData("10.0.0.1:80", "this host alone")]
    [InlineData("host:80", "write an address and port")]
    [InlineData("70000", "write an address and port")]
    public void Address_IsOfThisHost(string text, string expected) =>
        Assert.Contains(expected, UiAddress.TryRead(text, out string problem) is { } address ? $"{address}" : problem, StringComparison.Ordinal);

    private async Task<string> OpenSessionAsync(string token)
    {
        using HttpResponseMessage answer = await PostAsync("/session", token, _open.BaseUrl);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonSerializer.Deserialize<string>(await answer.Content.ReadAsStringAsync())!;
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string? origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body) };
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        return await _client.SendAsync(request);
    }

    private async Task<(HttpStatusCode Status, string Text)> AskAsync(string path, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using HttpResponseMessage answer = await _client.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
