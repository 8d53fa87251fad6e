// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Weir.EndToEnd.Tests.Machine;

namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>.NET's servers in the lab: Kestrel with what Tools/real/app.js has, and gRPC.</summary>
internal static class DotNetServer
{
    internal static WebApplication Start(Lab lab, int port) => ContainerSockets.Serve(lab.Host, lab.Server, port, HttpProtocols.Http1, _ => { }, Map);

    internal static WebApplication StartGrpc(Lab lab, int port) => ContainerSockets.Serve(
        lab.Host,
        lab.Server,
        port,
        HttpProtocols.Http2,
        builder =>
        {
            builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
            builder.Services.AddSingleton(new ConcurrentQueue<string>());
        },
        app =>
        {
            app.MapGrpcService<HttpClientsTests.EchoService>();
            Map(app);
        });

    private static void Map(WebApplication app)
    {
        app.Map("/show", Show);
        app.MapGet("/redirect", () => Results.Redirect("/show"));
        app.MapGet("/stream", async (HttpContext context) =>
        {
            byte[] piece = new byte[65536];
            for (int i = 0; i < 80; i++)
            {
                Array.Fill(piece, (byte)i);
                await context.Response.Body.WriteAsync(piece);
            }
        });
    }

    private static async Task Show(HttpContext context)
    {
        HttpRequest request = context.Request;
        long size = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[65536];
        for (int count; (count = await request.Body.ReadAsync(buffer)) > 0; size += count)
        {
            hash.AppendData(buffer, 0, count);
        }

        StringBuilder text = new($"{request.Method} {context.Features.Get<IHttpRequestFeature>()!.RawTarget} {request.Protocol}\n");
        foreach ((string name, StringValues values) in request.Headers.OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}: {string.Join(" | ", values.ToArray())}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"body: {size} {Convert.ToHexStringLower(hash.GetHashAndReset())}\n");
        context.Response.ContentType = "text/plain";
        bool hasTrailers = context.Response.SupportsTrailers();
        if (hasTrailers)
        {
            context.Response.DeclareTrailer("x-after");
        }

        await context.Response.WriteAsync(text.ToString());
        if (hasTrailers)
        {
            context.Response.AppendTrailer("x-after", "all");
        }
    }
}
