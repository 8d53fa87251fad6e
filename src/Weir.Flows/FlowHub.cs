// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Flows;

/// <summary>Reads the datapath's events on a thread of its own, keeps the last ones, and hands them to
/// whoever subscribed. The datapath reports verdicts and traces only while someone wants them.</summary>
public sealed class FlowHub : IDisposable
{
    /// <summary>So many of the last events are kept.</summary>
    public const int Kept = 4096;

    private static readonly TimeSpan _wait = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly Datapath.Datapath _datapath;
    private readonly FlowRecord[] _last = new FlowRecord[Kept];
    private readonly GuardedThread _reader;
    private FlowSubscription[] _subscriptions = [];
    private long _seen;
    private ulong _lostByProxy;
    private volatile bool _stopping;
    private volatile bool _wantsTcp;

    /// <param name="failed">Told what reading events threw; it goes on.</param>
    public FlowHub(Datapath.Datapath datapath, Action<Exception> failed)
    {
        _datapath = datapath;
        SetFlags();
        _reader = GuardedThread.Lasting("events", Read, failed).Start();
    }

    /// <summary>Events read so far.</summary>
    public long Seen => Interlocked.Read(ref _seen);

    /// <summary>Whether somebody wants to see allowed requests.</summary>
    public bool WantsRequests { get; private set; }

    /// <summary>Gets every connection that ended, on the thread that reads events.</summary>
    public TcpEventHandler Ended { get; set; } = (in TcpEvent _) => { };

    /// <summary>Called when <see cref="WantsRequests"/> has changed.</summary>
    public Action WantsChanged { get; set; } = () => { };

    /// <summary>Events that were lost on their way here: in the kernel, whose ring was full or which had told enough, and in the proxy, which this
    /// agent did not read in time.</summary>
    public ulong Lost => _datapath.LostEvents + Interlocked.Read(ref _lostByProxy);

    /// <summary>Takes what the proxy tells.</summary>
    public void Add(ProxyAccess access)
    {
        ArgumentNullException.ThrowIfNull(access);
        Interlocked.Add(ref _lostByProxy, access.Lost);
        Keep(new FlowRecord(default, access));
    }

    /// <param name="last">How many events of the past to begin with, at most 4096.</param>
    public FlowSubscription Subscribe(FlowFilter filter, int last)
    {
        lock (_lock)
        {
            var subscription = new FlowSubscription(filter, Past(last), Remove);
            _subscriptions = [.. _subscriptions, subscription];
            SetFlags();
            return subscription;
        }
    }

    /// <summary>The last events, oldest first.</summary>
    public IReadOnlyList<FlowRecord> Last()
    {
        lock (_lock)
        {
            return Past(Kept);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        _reader.Join();
        lock (_lock)
        {
            _subscriptions = [];
            SetFlags();
        }
    }

    private FlowRecord[] Past(int last)
    {
        int count = (int)Math.Min(Math.Clamp(last, 0, Kept), _seen);
        return [.. Enumerable.Range(0, count).Select(i => _last[(_seen - count + i) % Kept])];
    }

    private void Remove(FlowSubscription subscription)
    {
        lock (_lock)
        {
            if (!_stopping)
            {
                _subscriptions = [.. _subscriptions.Where(s => s != subscription)];
                SetFlags();
            }
        }
    }

    private void SetFlags()
    {
        _wantsTcp = _subscriptions.Any(s => s.Filter.Wants(FlowType.Tcp));
        SettingsFlag wanted = 0;
        wanted |= _subscriptions.Any(s => s.Filter.Wants(FlowType.Verdict) && s.Filter.WantsAllowed) ? SettingsFlag.Verdict : 0;
        wanted |= _subscriptions.Any(s => s.Filter.Wants(FlowType.Trace)) ? SettingsFlag.Trace : 0;
        bool wantsRequests = _subscriptions.Any(s => s.Filter.Wants(FlowType.L7) && s.Filter.WantsAllowed);
        wanted |= wantsRequests ? SettingsFlag.Requests : 0;
        if (wantsRequests != WantsRequests)
        {
            WantsRequests = wantsRequests;
            WantsChanged();
        }

        SettingsFlag present = _datapath.Flags;
        SettingsFlag others = present & ~(SettingsFlag.Verdict | SettingsFlag.Trace | SettingsFlag.Requests);
        if ((others | wanted) != present)
        {
            _datapath.SetFlags(others | wanted);
        }
    }

    private void Read()
    {
        Datapath.DatapathEventHandler keep = Keep;
        TcpEventHandler ended = Keep;
        while (!_stopping)
        {
            _datapath.ReadEvents(keep, _wait, ended);
        }
    }

    private void Keep(in Event e) => Keep(new FlowRecord(e, null));

    private void Keep(in TcpEvent e)
    {
        Ended(in e);
        if (_wantsTcp)
        {
            Keep(new FlowRecord(e.Flow, null) { Tcp = new MeasuredTcp(e) });
        }
    }

    private void Keep(FlowRecord record)
    {
        lock (_lock)
        {
            _last[_seen % Kept] = record;
            _seen++;
            foreach (FlowSubscription subscription in _subscriptions)
            {
                subscription.Offer(in record);
            }
        }
    }
}
