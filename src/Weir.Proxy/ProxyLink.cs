// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Google.Protobuf;
using Weir.Api;
using Weir.Http.Rules;
using Weir.Net;

namespace Weir.Proxy;

/// <summary>The agent's end of the connection to the proxy.</summary>
public sealed class ProxyLink : IDisposable
{
    /// <summary>A proxy that does not read for so long is taken for one that is gone.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly NetworkStream _stream;
    private readonly Lock _writing = new();

    private ProxyLink(NetworkStream stream, ProxyHello hello)
    {
        _stream = stream;
        Hello = hello;
    }

    /// <summary>Who answered.</summary>
    public ProxyHello Hello { get; }

    /// <summary>Null: no proxy answers there.</summary>
    public static ProxyLink? TryConnect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            var stream = new NetworkStream(socket, ownsSocket: true) { WriteTimeout = (int)_patience.TotalMilliseconds };
            if (FromProxy.Parser.ParseDelimitedFrom(stream).Hello is { } hello)
            {
                return new ProxyLink(stream, hello);
            }
        }
        catch (Exception e) when (WeirException.IsExpected(e) || e is InvalidProtocolBufferException)
        {
            // None yet, or none any more.
        }

        socket.Dispose();
        return null;
    }

    /// <summary>Sends all policies in force; <see cref="Read"/> gives the acknowledgement.</summary>
    /// <exception cref="IOException">The proxy is gone.</exception>
    public void Send(ulong generation, IEnumerable<HttpPolicy> policies)
    {
        var message = new ProxyPolicies { Generation = generation };
        message.Policies.AddRange(policies.Select(PolicySnapshot.ToMessage));
        Write(new ToProxy { Policies = message });
    }

    /// <summary>Asks for reports of allowed requests too.</summary>
    /// <exception cref="IOException">The proxy is gone.</exception>
    public void SetWants(bool allowedRequests) => Write(new ToProxy { Wants = new ProxyWants { AllowedRequests = allowedRequests } });

    /// <summary>Asks what it has counted so far; <see cref="Read"/> gives the answer, with this number.</summary>
    /// <exception cref="IOException">The proxy is gone.</exception>
    public void AskStats(ulong number) => Write(new ToProxy { Stats = new ProxyStatsRequest { Number = number } });

    /// <summary>Waits for the next message. Null: the proxy is gone.</summary>
    public FromProxy? Read()
    {
        try
        {
            FromProxy message = FromProxy.Parser.ParseDelimitedFrom(_stream);
            return message.MessageCase == FromProxy.MessageOneofCase.None ? null : message;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidProtocolBufferException)
        {
            return null;
        }
    }

    public void Dispose() => _stream.Dispose();

    private void Write(ToProxy message)
    {
        lock (_writing)
        {
            message.WriteDelimitedTo(_stream);
        }
    }
}
