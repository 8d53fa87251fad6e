// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Agent;
using Weir.Api;
using Xunit;

namespace Weir.Tests;

/// <summary>Where Prometheus asks, and what nobody gets there.</summary>
public sealed class MetricsDoorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir").FullName;

    private readonly List<MetricsDoor> _doors = [];

    public void Dispose()
    {
        _doors.ForEach(door => door.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task OnePage_AndNothingElse_ForWhoAsksByAddress()
    {
        var address = new IPEndPoint(IPAddress.Loopback, FreePort());
        int read = 0;
        await using WebApplication app = await ServeAsync(new MetricsOptions { Address = address }, () => new Metrics { EventsLost = (ulong)++read });
        using var client = new HttpClient { BaseAddress = new Uri($"http://{address}") };
        using HttpResponseMessage page = await client.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", page.Content.Headers.ContentType?.ToString());
        Assert.Contains("weir_events_lost_total 1\n", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // However often it is asked.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.GetStringAsync("/metrics")));
        Assert.InRange(read, 1, 3);

        foreach ((string path, HttpMethod method, string host, HttpStatusCode expected) in new[]
        {
            ("/metrics", HttpMethod.Post, "", HttpStatusCode.MethodNotAllowed),
            ("/", HttpMethod.Get, "", HttpStatusCode.NotFound),
            ("/NetworkDriver.Join", HttpMethod.Get, "", HttpStatusCode.NotFound),
            ("/metrics", HttpMethod.Get, "evil.example", HttpStatusCode.Forbidden),
            ("/metrics", HttpMethod.Get, "localhost", HttpStatusCode.OK),
        })
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Host = host.Length == 0 ? null : host;
            using HttpResponseMessage answer = await client.SendAsync(request);
            Assert.Equal(expected, answer.StatusCode);
        }
    }

    [Fact]
    public async Task FromElsewhere_ItTakesTlsAndTheToken()
    {
        (string cert, string key) = MakeCertificate();
        var options = new MetricsOptions { Address = new IPEndPoint(IPAddress.Loopback, FreePort()), CertFile = cert, KeyFile = key, Token = "secret" };
        Assert.Empty(options.Problems());
        await using WebApplication app = await ServeAsync(options, () => new Metrics());
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=metrics" };
        using var client = new HttpClient(handler) { BaseAddress = new Uri($"https://{options.Address}") };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/metrics")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "Secret");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/metrics")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/metrics")).StatusCode);
    }

    [Fact]
    public async Task PortOfSomebodyElse_IsSaid_AndStopsNobody()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var options = new MetricsOptions { Address = (IPEndPoint)other.LocalEndpoint };
        using var door = new MetricsDoor(options, NullLogger.Instance);
        await using WebApplication app = await ServeAsync(door, () => new Metrics());
        Assert.Contains($"{options.Address}", door.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManyWhoHoldConnections_TakeAllOthersNothingButThis()
    {
        var address = new IPEndPoint(IPAddress.Loopback, FreePort());
        await using WebApplication app = await ServeAsync(new MetricsOptions { Address = address }, () => new Metrics());
        List<TcpClient> idle = [];
        int refused = 0;
        for (int i = 0; i < 40; i++)
        {
            idle.Add(new TcpClient());
            try
            {
                await idle[^1].ConnectAsync(address);
            }
            catch (SocketException)
            {
                refused++; // closed before it was told that it is open
            }
        }

        // Those over the limit are closed at once.
        int closed = refused;
        for (int tries = 0; tries < 50 && closed == 0; tries++)
        {
            await Task.Delay(100);
            closed = idle.Count(one => one.Client.Poll(TimeSpan.Zero, SelectMode.SelectRead));
        }

        idle.ForEach(one => one.Dispose());
        Assert.InRange(closed, 1, idle.Count - 1);
        using var client = new HttpClient { BaseAddress = new Uri($"http://{address}") };
        for (int tries = 0; ; tries++)
        {
            try
            {
                Assert.Contains("weir_degraded", await client.GetStringAsync("/metrics"), StringComparison.Ordinal);
                break;
            }
            catch (HttpRequestException) when (tries < 50)
            {
                await Task.Delay(100); // the idle ones go as their ends are noticed
            }
        }
    }

    [Fact]
    public void SettingsThatDoNotFit_AreSaid()
    {
        var all = new MetricsOptions { Address = new IPEndPoint(IPAddress.Any, 9964) };
        Assert.Contains("127.0.0.1:9964", Assert.Single(all.Problems()), StringComparison.Ordinal);
        (string cert, string key) = MakeCertificate();
        Assert.Contains("one needs the other", Assert.Single(new MetricsOptions { Address = new IPEndPoint(IPAddress.Loopback, 9964), CertFile = cert }.Problems()), StringComparison.Ordinal);
        Assert.Contains("metrics-cert", Assert.Single((all with { CertFile = key, KeyFile = cert, Token = "x" }).Problems()), StringComparison.Ordinal);
        Assert.Empty((all with { CertFile = cert, KeyFile = key, Token = "x" }).Problems());
    }

    private Task<WebApplication> ServeAsync(MetricsOptions options, Func<Metrics> read)
    {
        var door = new MetricsDoor(options, NullLogger.Instance);
        _doors.Add(door);
        return ServeAsync(door, read);
    }

    private async Task<WebApplication> ServeAsync(MetricsDoor door, Func<Metrics> read)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Path.Combine(_folder, "x.sock"));
            door.Listen(kestrel);
        });
        WebApplication app = builder.Build();
        app.Use((context, next) => door.AnswerAsync(context, next, read));
        await app.StartAsync();
        return app;
    }

    private (string Cert, string Key) MakeCertificate()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=metrics", ecdsa, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string cert = Path.Combine(_folder, "cert.pem"), key = Path.Combine(_folder, "key.pem");
        File.WriteAllText(cert, certificate.ExportCertificatePem());
        File.WriteAllText(key, ecdsa.ExportPkcs8PrivateKeyPem());
        return (cert, key);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
