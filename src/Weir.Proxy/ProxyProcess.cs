// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Weir.Api;
using Weir.Linux;
using Weir.Net;

namespace Weir.Proxy;

/// <summary>The proxy as a process: from its start, or from taking over another's sockets, to its end.</summary>
public static class ProxyProcess
{
    /// <summary>Serves until it is told to stop by a signal, or has a successor and nothing left to do.</summary>
    /// <param name="takeOver">Take the listeners of the proxy that runs; it goes on with its connections.</param>
    public static void Run(ProxyOptions options, bool takeOver)
    {
        ArgumentNullException.ThrowIfNull(options);
        ProcessHandle.Detach();
        long files = ProcessHandle.RaiseFileLimit();
        using Predecessor? predecessor = takeOver ? Predecessor.Find(options.Socket) : null;
        using var server = new ProxyServer(options, predecessor?.Listeners);
        server.Reporter.Log($"the proxy listens on port {server.Port}, {options.Workers} workers, {files} files");
        using var control = new ControlSocket(server, () => predecessor?.Drain());
        using var stop = new ManualResetEvent(false);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Set();
        });
        WaitHandle.WaitAny([stop, server.Drained]);
    }

    /// <summary>The proxy whose sockets this one has taken.</summary>
    private sealed class Predecessor : IDisposable
    {
        private readonly NetworkStream _stream;

        private Predecessor(NetworkStream stream, IReadOnlyList<int> listeners)
        {
            _stream = stream;
            Listeners = listeners;
        }

        public IReadOnlyList<int> Listeners { get; }

        /// <summary>Null: there is none.</summary>
        public static Predecessor? Find(string path)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                var stream = new NetworkStream(socket, ownsSocket: true);
                new ToProxy { TakeOver = new ProxyTakeOver() }.WriteDelimitedTo(stream);
                ProxySockets? sockets = null;
                while (sockets is null)
                {
                    sockets = FromProxy.Parser.ParseDelimitedFrom(stream).Sockets;
                }

                using var process = ProcessHandle.Open(sockets.Pid);
                int[] listeners = [.. sockets.Listeners.Select(number => process.TakeDescriptor(number).Release())];
                return listeners.Length == 0 ? null : new Predecessor(stream, listeners);
            }
            catch (Exception e) when (WeirException.IsExpected(e) || e is InvalidProtocolBufferException)
            {
                socket.Dispose();
                return null;
            }
        }

        public void Drain() => new ToProxy { Drain = new ProxyDrain() }.WriteDelimitedTo(_stream);

        public void Dispose() => _stream.Dispose();
    }
}
