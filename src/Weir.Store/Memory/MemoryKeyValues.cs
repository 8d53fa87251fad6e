// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Memory;

namespace Weir.Store;

/// <summary>A store in memory, gone with the process: for tests, and for what need not last.</summary>
public sealed class MemoryKeyValues(TimeProvider? time = null, Retention? retention = null)
    : LocalKeyValues(State.Empty, time ?? TimeProvider.System, retention ?? new Retention())
{
    private readonly Lock _lock = new();

    private protected override ValueTask<T> RunAsync<T>(Func<T> change, CancellationToken cancel)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            cancel.ThrowIfCancellationRequested();
            return new(change());
        }
    }

    private protected override void Keep(Entry entry)
    {
    }

    private protected override void Close()
    {
    }
}
