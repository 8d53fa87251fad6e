// SPDX-License-Identifier: Apache-2.0
using System.Threading.Channels;
using Weir.Api;

namespace Weir.Proxy;

/// <summary>What the proxy has to tell the agent. Keeps a bounded number of messages while nobody reads.</summary>
internal sealed class Reporter
{
    private const int Waiting = 8192;
    private readonly Channel<FromProxy> _messages = Channel.CreateBounded<FromProxy>(new BoundedChannelOptions(Waiting) { SingleReader = true });
    private long _lost;

    /// <summary>Whether anybody looks at allowed requests.</summary>
    public volatile bool WantsAllowed;

    public ChannelReader<FromProxy> Messages => _messages.Reader;

    public void Access(ProxyAccess access)
    {
        access.Lost = (ulong)Interlocked.Exchange(ref _lost, 0);
        if (!_messages.Writer.TryWrite(new FromProxy { Access = access }))
        {
            Interlocked.Add(ref _lost, 1 + (long)access.Lost);
        }
    }

    /// <summary>There is something to tell of, and it cannot be told.</summary>
    public void Lose() => Interlocked.Increment(ref _lost);

    public void Log(string text, bool isError = false) => _messages.Writer.TryWrite(new FromProxy { Log = new ProxyLog { Text = text, IsError = isError } });
}
