// SPDX-License-Identifier: Apache-2.0

using Weir.Store.Etcd.Api;

namespace Weir.Store.Etcd.Watching;

/// <summary>Makes whole revisions of a stream's responses. etcd sends a revision in one response, but a large response in pieces,
/// and the cut may go through a revision.</summary>
internal sealed class RevisionAssembler(KeySpace keys)
{
    private readonly List<Event> _pieces = [];

    /// <summary>What a response completes, in order. The store's own keys are left out.</summary>
    /// <exception cref="CompactedException">What was there before a change is forgotten, so that it cannot be told.</exception>
    internal IReadOnlyList<RevisionChanges> Add(WatchResponse response)
    {
        _pieces.AddRange(response.Events);
        if (response.Fragment)
        {
            return [];
        }

        List<RevisionChanges> whole = [];
        for (int i = 0; i < _pieces.Count;)
        {
            long revision = _pieces[i].Kv.ModRevision;
            List<Change> changes = [];
            for (; i < _pieces.Count && _pieces[i].Kv.ModRevision == revision; i++)
            {
                if (!keys.IsOwn(_pieces[i].Kv.Key))
                {
                    changes.Add(Change(_pieces[i]));
                }
            }

            changes.Sort((left, right) => Keys.Order.Compare(left.Key, right.Key));
            whole.Add(new RevisionChanges(revision, changes));
        }

        _pieces.Clear();
        if (whole.Count == 0 && !response.Created && !response.Canceled)
        {
            whole.Add(new RevisionChanges(response.Header.Revision, []));
        }

        return whole;
    }

    private Change Change(Event told)
    {
        bool isPut = told.Type == Event.Types.EventType.Put;
        if (told.PrevKv is null && !(isPut && told.Kv.Version == 1))
        {
            throw new CompactedException(told.Kv.ModRevision);
        }

        return new Change(keys.KeyOf(told.Kv.Key), isPut ? keys.Record(told.Kv) : null, told.PrevKv is { } before ? keys.Record(before) : null);
    }
}
