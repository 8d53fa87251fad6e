// SPDX-License-Identifier: Apache-2.0
using Weir.Control.Watch;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Keeps <see cref="HostRules"/> as they were applied. Called on the writer's thread, but
/// for the comparison.</summary>
internal sealed class HostFilter(TimeProvider time)
{
    private static readonly TimeSpan _betweenFailures = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _betweenReadings = TimeSpan.FromSeconds(1.5);

    private Applied? _applied;
    private uint? _generation;
    private DateTimeOffset _readAgain;

    /// <summary>What went wrong last time; null: nothing.</summary>
    internal string? Problem { get; private set; }

    /// <summary>Puts it right; a failure is kept in <see cref="Problem"/>.</summary>
    internal void Apply(IReadOnlyCollection<IpPrefix> masqueraded, IReadOnlyCollection<IpPrefix> untranslated)
    {
        try
        {
            HostRules.Apply(masqueraded, untranslated);
            _generation = NetfilterGeneration.Read();
            _applied = new Applied(masqueraded, untranslated, HostRules.Picture());
            Problem = null;
        }
        catch (WeirException e)
        {
            Problem = e.Message;
        }

        _readAgain = time.GetUtcNow() + (Problem is null ? _betweenReadings : _betweenFailures);
    }

    internal IEnumerable<Expectation> Expect() => _applied is not { } applied ? [] :
    [
        new Expectation("filter", $"a rule for containers' traffic ({HostRules.Name})", _ => IsSo(applied), () =>
        {
            Apply(applied.Masqueraded, applied.Untranslated);
            if (Problem is { } problem)
            {
                throw new ControlException(problem);
            }
        }),
    ];

    /// <summary>Reading the rules takes processes: only after nftables has changed, or in intervals where the rules are
    /// not nftables'.</summary>
    private bool IsSo(Applied applied)
    {
        uint? generation = NetfilterGeneration.Read();
        bool isUnchanged = Problem is not null || generation is null || Iptables.IsLegacy ? time.GetUtcNow() < _readAgain : generation == _generation;
        if (isUnchanged)
        {
            return true;
        }

        if (Problem is not null || HostRules.Picture() != applied.Picture)
        {
            return false;
        }

        _generation = generation;
        _readAgain = time.GetUtcNow() + _betweenReadings;
        return true;
    }

    private sealed record Applied(IReadOnlyCollection<IpPrefix> Masqueraded, IReadOnlyCollection<IpPrefix> Untranslated, string Picture);
}
