// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Grpc.Net.Client;
using Weir.Api;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Asks the agent why, many times a second: by its socket, as the command does.</summary>
internal sealed class ExplainQuestions : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly Agent.AgentClient _agent;

    internal ExplainQuestions(DockerHost host)
    {
        string path = host.Sandbox.HostPath("/run/weir/weir.sock");
        _channel = GrpcChannel.ForAddress("http://weir", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (_, cancel) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            },
        });
        _agent = new Agent.AgentClient(_channel);
    }

    /// <param name="port">"80/tcp", "icmp:8".</param>
    internal ExplainPolicyResponse Ask(string from, string to, string port) =>
        _agent.ExplainPolicy(new ExplainPolicyRequest { From = from, To = to, Port = port });

    public void Dispose() => _channel.Dispose();
}
