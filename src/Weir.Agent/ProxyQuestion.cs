// SPDX-License-Identifier: Apache-2.0
using Weir.Api;
using Weir.Proxy;

namespace Weir.Agent;

/// <summary>Asks the proxy what it has counted, and waits for the answer, which another thread reads.</summary>
internal sealed class ProxyQuestion
{
    private static readonly TimeSpan _answerTime = TimeSpan.FromSeconds(1);

    private readonly object _lock = new();
    private ulong _asked;
    private ProxyStats? _answer;

    /// <summary>Null: it does not answer.</summary>
    internal ProxyStats? Ask(ProxyLink link)
    {
        lock (_lock)
        {
            ulong number = ++_asked;
            try
            {
                link.AskStats(number);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                return null;
            }

            long until = Environment.TickCount64 + (long)_answerTime.TotalMilliseconds;
            while (!HasAnswer(number) && until - Environment.TickCount64 is > 0 and var left)
            {
                Monitor.Wait(_lock, (int)left);
            }

            return HasAnswer(number) ? _answer : null;
        }
    }

    /// <summary>An answer has come; a later one answers earlier questions too.</summary>
    internal void Answer(ProxyStats stats)
    {
        lock (_lock)
        {
            _answer = stats;
            Monitor.PulseAll(_lock);
        }
    }

    private bool HasAnswer(ulong number) => _answer?.Number >= number;
}
