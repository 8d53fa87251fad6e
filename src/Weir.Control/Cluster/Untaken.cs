// SPDX-License-Identifier: Apache-2.0

using Weir.Store;

namespace Weir.Control.Cluster;

/// <summary>What the shared store has told and this node has not taken in yet.</summary>
/// <param name="view">What is taken in already.</param>
internal sealed class Untaken(ClusterView view) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _any = new(0);
    private Dictionary<string, KeyValue?> _changes = [];
    private volatile ClusterView _view = view;

    /// <summary>With all that was told.</summary>
    internal ClusterView View => _view;

    public void Dispose() => _any.Dispose();

    internal void Add(RevisionChanges told)
    {
        lock (_lock)
        {
            _view = _view.With(told);
            foreach (Change change in told.Changes)
            {
                _changes[change.Key] = change.Record;
            }

            if (_any.CurrentCount == 0)
            {
                _any.Release(); // a revision without changes counts too: somebody may wait to have heard of it
            }
        }
    }

    /// <summary>All changes, once something was told; they are in <see cref="View"/> already.</summary>
    internal async Task<IReadOnlyCollection<(string Key, KeyValue? Record)>> TakeAsync(CancellationToken cancel)
    {
        await _any.WaitAsync(cancel);
        lock (_lock)
        {
            Dictionary<string, KeyValue?> changes = _changes;
            _changes = [];
            return [.. changes.Select(change => (change.Key, change.Value))];
        }
    }
}
