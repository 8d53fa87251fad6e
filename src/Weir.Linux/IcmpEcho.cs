// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Weir.Linux;

/// <summary>Asks hosts for an ICMP echo by the routes, and measures how long the answer takes.</summary>
public sealed class IcmpEcho : IDisposable
{
    private const int ContentBytes = 16; // a number that nobody guesses
    private const int LevelRaw = 255;
    private const int IcmpFilter = 1;

    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<long>> _asked = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lazy<Socket> _ipv4;
    private readonly Lazy<Socket> _ipv6;
    private int _last;

    public IcmpEcho()
    {
        _ipv4 = new Lazy<Socket>(() => Listen(AddressFamily.InterNetwork));
        _ipv6 = new Lazy<Socket>(() => Listen(AddressFamily.InterNetworkV6));
    }

    /// <summary>Sends one question and waits for its answer.</summary>
    /// <param name="from">An address of this host, of the same family; null: the route's.</param>
    /// <returns>Null: no answer came in time.</returns>
    /// <exception cref="SocketException">The kernel does not send it.</exception>
    public async Task<TimeSpan?> AskAsync(IPAddress to, IPAddress? from, TimeSpan patience, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(to);
        bool isIpv6 = to.AddressFamily == AddressFamily.InterNetworkV6;
        _ = (isIpv6 ? _ipv6 : _ipv4).Value;
        using Socket socket = Open(to.AddressFamily);
        if (from is not null)
        {
            socket.Bind(new IPEndPoint(from, 0));
        }

        Guid asked = Guid.NewGuid();
        var answer = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[asked] = answer;
        try
        {
            byte[] message = EchoMessage.Question(isIpv6, (ushort)Interlocked.Increment(ref _last), asked.ToByteArray());
            long sent = Stopwatch.GetTimestamp();
            await socket.SendToAsync(message, new IPEndPoint(to, 0), cancel);
            return Stopwatch.GetElapsedTime(sent, await answer.Task.WaitAsync(patience, cancel));
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            _asked.TryRemove(asked, out _);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        foreach (Lazy<Socket> socket in new[] { _ipv4, _ipv6 }.Where(socket => socket.IsValueCreated))
        {
            socket.Value.Dispose();
        }

        _stop.Dispose();
    }

    private static Socket Open(AddressFamily family) =>
        new(family, SocketType.Raw, family == AddressFamily.InterNetworkV6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp);

    /// <summary>One socket hears all answers, whoever asked: one for each question would hear them all, too.</summary>
    private Socket Listen(AddressFamily family)
    {
        Socket socket = Open(family);
        if (family == AddressFamily.InterNetwork)
        {
            socket.SetRawSocketOption(LevelRaw, IcmpFilter, BitConverter.GetBytes(~(1u << EchoMessage.AnswerType(isIpv6: false))));
        }

        _ = ReceiveAsync(socket, family == AddressFamily.InterNetworkV6);
        return socket;
    }

    private async Task ReceiveAsync(Socket socket, bool isIpv6)
    {
        byte[] buffer = new byte[256];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                int length = await socket.ReceiveAsync(buffer, _stop.Token);
                long now = Stopwatch.GetTimestamp();
                // Of IPv4 with its header, of IPv6 without.
                int start = isIpv6 ? 0 : (buffer[0] & 0x0f) * 4;
                if (length >= start + EchoMessage.HeadBytes + ContentBytes && buffer[start] == EchoMessage.AnswerType(isIpv6)
                    && _asked.TryRemove(new Guid(buffer.AsSpan(start + EchoMessage.HeadBytes, ContentBytes)), out TaskCompletionSource<long>? asked))
                {
                    asked.TrySetResult(now);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // An error about something that was sent: its sender hears of it by the silence.
                await Task.Delay(TimeSpan.FromMilliseconds(10)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
