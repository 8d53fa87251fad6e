// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Linux;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Sockets of the tests' own process in a container's network: .NET's clients and servers, spoken there.</summary>
public static class ContainerSockets
{
    /// <summary>An HTTP client inside a container.</summary>
    public static SocketsHttpHandler Client(DockerHost host, string container)
    {
        string path = NamespaceOf(host, container);
        return new SocketsHttpHandler
        {
            ConnectCallback = (context, _) =>
            {
                Socket socket = NetworkNamespace.Run(path, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                socket.NoDelay = true;
                socket.Connect(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port);
                return ValueTask.FromResult<Stream>(new NetworkStream(socket, ownsSocket: true));
            },
        };
    }

    /// <summary>Kestrel inside a container, without TLS.</summary>
    public static WebApplication Serve(DockerHost host, string container, int port, HttpProtocols protocols, Action<WebApplicationBuilder> build, Action<WebApplication> map)
    {
        ArgumentNullException.ThrowIfNull(build);
        ArgumentNullException.ThrowIfNull(map);
        string path = NamespaceOf(host, container);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = endPoint =>
            NetworkNamespace.Run(path, () => SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint)));
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Listen(IPAddress.Any, port, listen => listen.Protocols = protocols);
        });
        build(builder);
        WebApplication app = builder.Build();
        map(app);
        app.StartAsync().GetAwaiter().GetResult();
        return app;
    }

    private static string NamespaceOf(DockerHost host, string container)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.Sandbox.HostPath($"/proc/{host.PidOf(container)}/ns/net");
    }
}
