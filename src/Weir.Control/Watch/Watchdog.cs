// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Watch;

/// <summary>Compares what Weir put into kernel and host with what is there, and puts back what is missing: when the kernel
/// tells of a change, and every second. Comparing waits for no change but for a moment; mending is one.</summary>
public sealed class Watchdog : IDisposable
{
    private static readonly TimeSpan _every = TimeSpan.FromSeconds(1);

    // Changes come in swarms; other people's too.
    private static readonly TimeSpan _atMost = TimeSpan.FromMilliseconds(200);

    private readonly Writer _writer;
    private readonly Func<IEnumerable<Expectation>> _expect;
    private readonly RtnetlinkTables _tables = new();
    private readonly RtnetlinkSocket _links;
    private readonly Incidents _incidents;

    internal Watchdog(Writer writer, Func<IEnumerable<Expectation>> expect, RtnetlinkSocket links, Incidents incidents)
    {
        _writer = writer;
        _expect = expect;
        _links = links;
        _incidents = incidents;
    }

    /// <summary>What was missing lately.</summary>
    public IReadOnlyList<Incident> Open => _incidents.Open;

    /// <summary>How often things of each kind were put back since the agent's start.</summary>
    public IReadOnlyList<(string Kind, long Times)> Mended => _incidents.Mended;

    /// <summary>What an endpoint lacks now and could not be put back; null: nothing.</summary>
    public string? LackOf(ushort endpoint) => _incidents.LackOf(endpoint);

    /// <summary>Looks again and again until it is told to stop; for a thread of its own.</summary>
    /// <param name="attempt">Calls what it is given, and bears with its failures.</param>
    internal void Run(WaitHandle stopping, Action<Action> attempt)
    {
        using var monitor = new RtnetlinkMonitor(RtnetlinkGroups.All);
        do
        {
            attempt(() => Look());
            monitor.Wait(_every);
        }
        while (!stopping.WaitOne(_atMost));
    }

    /// <summary>Makes everything so after a start of the agent or of the host, when nothing was taken away by anybody.
    /// Called on the writer's thread.</summary>
    internal void MakeSo() => _incidents.Add([
        .. Missing([.. _expect()]).Select(one => (Missing: one, Failure: Mend(one))).Where(one => one.Failure is not null)]);

    /// <summary>Compares once, and mends. True: nothing was missing.</summary>
    internal bool Look()
    {
        List<Expectation> expected = _writer.Run(() => _expect().ToList());
        if (Missing(expected).Count == 0)
        {
            _incidents.Add([]);
            return true;
        }

        // It may be on its way, put there or taken away by the agent itself: only between two changes is it certain.
        return _writer.Run(() =>
        {
            List<Expectation> missing = Missing([.. _expect()]);
            _incidents.Add([.. missing.Select(one => (one, Mend(one)))]);
            return missing.Count == 0;
        });
    }

    public void Dispose() => _tables.Dispose();

    private List<Expectation> Missing(IReadOnlyList<Expectation> expected)
    {
        var picture = new HostPicture(_tables, _links);
        return [.. expected.Where(one => (picture.HasIpv6 || !one.IsIpv6) && !IsSo(one, picture))];
    }

    private static bool IsSo(Expectation one, HostPicture picture)
    {
        try
        {
            return one.IsSo(picture);
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            // Its device went between two questions, or mending will tell.
            return false;
        }
    }

    private static string? Mend(Expectation missing)
    {
        try
        {
            missing.MakeSo();
            return null;
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            return e.Message;
        }
    }
}
