// SPDX-License-Identifier: Apache-2.0
namespace Weir.Testing;

/// <summary>What is dear to make and can be made as new again: the kernel's verifier takes longer for a program than most
/// tests for all else. Each is one test's at a time, and ends with the process.</summary>
internal sealed class Pool<TKey, T>
    where TKey : notnull
    where T : class
{
    private readonly Dictionary<TKey, Stack<T>> _idle = [];

    /// <summary>One that nobody uses; null: there is none.</summary>
    internal T? Take(TKey key)
    {
        lock (_idle)
        {
            return _idle.TryGetValue(key, out Stack<T>? idle) && idle.TryPop(out T? item) ? item : null;
        }
    }

    internal void Return(TKey key, T item)
    {
        lock (_idle)
        {
            if (!_idle.TryGetValue(key, out Stack<T>? idle))
            {
                _idle[key] = idle = new Stack<T>();
            }

            idle.Push(item);
        }
    }
}
