// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Control.Policies;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Flows;
using Weir.Linux;
using Weir.Policy;

namespace Weir.Control.Past;

/// <summary>Keeps what policy, containers and settings were when, and answers for a time that is past. Changes are written by a
/// thread of its own, a moment after they happened: nobody waits for it.</summary>
public sealed class HistoryDesk : IDisposable
{
    private static readonly TimeSpan _together = TimeSpan.FromMilliseconds(100); // of a burst of changes

    private readonly Writer _writer;
    private readonly Func<ExplainPolicyRequest, FlowExplanation> _now;
    private readonly LabelFilter _filter;
    private readonly RecordMode _mode;
    private readonly TimeProvider _time;
    private readonly Action<string> _warn;
    private readonly HistoryJournal _journal;
    private readonly HistoryEntries _entries = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly AutoResetEvent _changed = new(initialState: true);
    private readonly Lock _lock = new();
    private readonly Lock _signal = new();
    private readonly GuardedThread? _thread;
    private Dictionary<string, string> _kept = new(StringComparer.Ordinal);
    private bool _isFailing;
    private bool _isDisposed;

    /// <param name="now">Answers for now.</param>
    /// <param name="warn">Told once when writing begins to fail, and once when it works again.</param>
    /// <param name="failed">Told what the thread threw; it goes on.</param>
    internal HistoryDesk(Writer writer, Func<ExplainPolicyRequest, FlowExplanation> now, LabelFilter filter, RecordOptions options, TimeProvider time, Action<string> warn, Action<Exception> failed)
    {
        _writer = writer;
        _now = now;
        _filter = filter;
        _mode = options.Mode;
        _time = time;
        _warn = warn;
        _journal = new HistoryJournal(options, time);
        if (_mode != RecordMode.Off)
        {
            _writer.Changed += OnChanged;
            _thread = GuardedThread.Lasting("history", Keep, failed).Start();
        }
    }

    /// <summary>Why the one could or could not reach the other then; see <see cref="PolicyDesk.Explain"/>.</summary>
    /// <exception cref="ControlException">An argument says nothing or too much, or nothing is known of that time.</exception>
    public PastExplanation Explain(DateTimeOffset at, ExplainPolicyRequest question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Dictionary<string, string> then = At(at);
        World past = HistoryEntries.ToWorld(then);
        var finder = new PeerFinder(new PolicyPeers(() => past), () => past, _filter);
        var explainer = new FlowExplainer(() => past, finder, new Obstacles(() => past, () => Array.Empty<PublishRow>()));
        FlowExplanation explanation;
        try
        {
            explanation = PolicyDesk.Explain(explainer, question.From, question.To, question.Port, question.Http, question.Headers);
        }
        catch (ControlException e)
        {
            throw new ControlException($"at {at.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z: {e.Message}");
        }

        FlowExplanation? now = null;
        try
        {
            now = _now(question);
        }
        catch (ControlException)
        {
            // He is gone: the differences say so.
        }

        Dictionary<string, string> present = new HistoryEntries().Of(_writer.World);
        return new PastExplanation(explanation, now, HistoryDifferences.Of(then, present, [question.From, question.To]));
    }

    /// <summary>What policy was in force when, oldest first.</summary>
    /// <param name="note">Told what cannot be read.</param>
    /// <exception cref="ControlException">Nothing is kept.</exception>
    public IReadOnlyList<PastRevision> List(DateTimeOffset since, DateTimeOffset until, Action<string> note)
    {
        List<PastRevision> revisions = [];
        foreach (var (entries, from) in States(until, note))
        {
            Dictionary<string, string> policies = entries.Where(entry => IsPolicy(entry.Key)).ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
            if (revisions.Count > 0 && revisions[^1].IsSame(policies))
            {
                continue;
            }

            if (revisions.Count > 0)
            {
                revisions[^1] = revisions[^1] with { Until = from };
            }

            revisions.Add(new PastRevision(from, null, policies, revisions.Count > 0 ? revisions[^1].Entries : null));
        }

        return [.. revisions.Where(revision => revision.Until is not { } end || end >= since)];
    }

    /// <summary>Since when all is known; null: nothing is.</summary>
    public DateTimeOffset? KnownSince => _journal.Extent().Since;

    public void Dispose()
    {
        _writer.Changed -= OnChanged;
        _stop.Set();
        OnChanged();
        _thread?.Join();
        lock (_signal)
        {
            _isDisposed = true;
            _changed.Dispose();
        }

        _journal.Dispose();
        _stop.Dispose();
    }

    private static bool IsPolicy(string key) => key == HistoryEntries.Enforcement || key.StartsWith(HistoryEntries.Policies, StringComparison.Ordinal);

    private void OnChanged()
    {
        // A change that is being told of while this ends must not fail by it.
        lock (_signal)
        {
            if (!_isDisposed)
            {
                _changed.Set();
            }
        }
    }

    private void Keep()
    {
        while (!_stop.IsSet)
        {
            _changed.WaitOne();
            _stop.Wait(_together);
            Write();
        }
    }

    private void Write()
    {
        lock (_lock)
        {
            Dictionary<string, string> all = _entries.Of(_writer.World);
            var change = new HistoryBlock
            {
                Entries = { all.Where(entry => _kept.GetValueOrDefault(entry.Key) != entry.Value).Select(entry => new HistoryEntry { Key = entry.Key, Value = entry.Value }) },
                Gone = { _kept.Keys.Where(key => !all.ContainsKey(key)) },
            };
            if (change.Entries.Count == 0 && change.Gone.Count == 0)
            {
                return;
            }

            try
            {
                _journal.Append(change, () => new HistoryBlock { Whole = true, Entries = { all.Select(entry => new HistoryEntry { Key = entry.Key, Value = entry.Value }) } }, _time.GetUtcNow());
                _kept = all;
                if (_isFailing)
                {
                    _isFailing = false;
                    _warn("the history of policy is written down again");
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next change begins a file, with all there is.
                _kept = new Dictionary<string, string>(StringComparer.Ordinal);
                if (!_isFailing)
                {
                    _isFailing = true;
                    _warn($"the history of policy cannot be written down: {e.Message}; policy holds, and it is tried again with the next change");
                }
            }
        }
    }

    /// <summary>All that was there at a time.</summary>
    private Dictionary<string, string> At(DateTimeOffset at)
    {
        if (at > _time.GetUtcNow())
        {
            throw new ControlException($"{at.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z is yet to come: --at is a time that is past");
        }

        Dictionary<string, string>? last = null;
        foreach (var (entries, _) in States(at, _ => { }))
        {
            last = entries;
        }

        return last ?? throw new ControlException(KnownSince is { } since
            ? $"what was in force at {at.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z is not known: the history goes back to {since.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z"
            : _mode == RecordMode.Off ? "no history is kept: the agent runs with record: off" : "no history is kept yet");
    }

    /// <summary>What there was after each change, up to a time. Each is the same object, changed.</summary>
    private IEnumerable<(Dictionary<string, string> Entries, DateTimeOffset From)> States(DateTimeOffset until, Action<string> note)
    {
        if (_mode != RecordMode.Off)
        {
            Write();
        }

        Dictionary<string, string>? entries = null;
        foreach (var (block, from) in _journal.ReadWithTimes(DateTimeOffset.UnixEpoch, until, note))
        {
            if (from > until || (entries is null && !block.Whole))
            {
                continue;
            }

            entries = block.Whole || entries is null ? new Dictionary<string, string>(StringComparer.Ordinal) : entries;
            foreach (HistoryEntry entry in block.Entries)
            {
                entries[entry.Key] = entry.Value;
            }

            foreach (string key in block.Gone)
            {
                entries.Remove(key);
            }

            yield return (entries, from);
        }
    }
}
