// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace Weir.Control.Watch;

/// <summary>What was missing: counted, told once per kind, and kept until it has been quiet for a while. Used by one
/// thread, read by all.</summary>
internal sealed class Incidents(TimeProvider time, ILogger log)
{
    private static readonly TimeSpan _quiet = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Incident> _open = [];
    private readonly Dictionary<(string Kind, string What), int> _mendings = []; // within open incidents
    private readonly SortedDictionary<string, long> _mended = new(StringComparer.Ordinal);
    private Dictionary<ushort, string> _endpoints = [];

    /// <summary>Those that are not over yet.</summary>
    internal IReadOnlyList<Incident> Open => Locked(() => _open.Values.OrderBy(incident => incident.First).ToList());

    /// <summary>How often things of each kind were put back since the agent's start.</summary>
    internal IReadOnlyList<(string Kind, long Times)> Mended => Locked(() => _mended.Select(kind => (kind.Key, kind.Value)).ToList());

    /// <summary>What an endpoint lacks now; null: nothing.</summary>
    internal string? LackOf(ushort endpoint) => Locked(() => _endpoints.GetValueOrDefault(endpoint));

    /// <summary>Takes in what one look found, and ends what has been quiet.</summary>
    /// <param name="outcome">What was missing, and why it could not be put back, if so.</param>
    internal void Add(IReadOnlyList<(Expectation Missing, string? Failure)> outcome)
    {
        DateTimeOffset now = time.GetUtcNow();
        lock (_lock)
        {
            foreach (var kind in outcome.GroupBy(one => one.Missing.Kind))
            {
                Take([.. kind], now);
            }

            foreach (Incident whole in _open.Values.Where(incident => incident.Failure is not null && outcome.All(one => one.Missing.Kind != incident.Kind)).ToList())
            {
                _open[whole.Kind] = whole with { Failure = null };
                Log.WholeAgain(log, whole.What);
            }

            foreach (Incident over in _open.Values.Where(incident => now - incident.Last > _quiet).ToList())
            {
                _open.Remove(over.Kind);
                _mendings.Keys.Where(one => one.Kind == over.Kind).ToList().ForEach(one => _mendings.Remove(one));
                if (over.Times > 1)
                {
                    Log.IncidentOver(log, over.Kind, over.Times);
                }
            }

            _endpoints = outcome.Where(one => one.Missing.Endpoint != 0 && one.Failure is not null)
                .GroupBy(one => one.Missing.Endpoint)
                .ToDictionary(endpoint => endpoint.Key, endpoint => $"{endpoint.First().Missing.What} is not as it should be: {endpoint.First().Failure}");
        }
    }

    private void Take((Expectation Missing, string? Failure)[] found, DateTimeOffset now)
    {
        string kind = found[0].Missing.Kind;
        foreach ((Expectation missing, _) in found.Where(one => one.Failure is null))
        {
            _mended[kind] = _mended.GetValueOrDefault(kind) + 1;
            _mendings[(kind, missing.What)] = _mendings.GetValueOrDefault((kind, missing.What)) + 1;
        }

        (Expectation worst, string? failure) = found.FirstOrDefault(one => one.Failure is not null, found.MaxBy(one => _mendings.GetValueOrDefault((kind, one.Missing.What))));
        int mendings = _mendings.GetValueOrDefault((kind, worst.What));
        Incident? before = _open.GetValueOrDefault(kind);
        bool isWorse = failure is not null || before is null || mendings > before.Mendings;
        Incident after = new(kind, isWorse ? worst.What : before!.What, (before?.Times ?? 0) + found.Length, before?.First ?? now, now, failure)
        {
            Mendings = isWorse ? mendings : before!.Mendings,
        };
        _open[kind] = after;

        // Once when it begins, once when it turns out worse.
        if (before is null || (after.IsFight && !before.IsFight) || (after.Failure is null) != (before.Failure is null))
        {
            Log.TakenAway(log, after.ToString());
        }
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_lock)
        {
            return read();
        }
    }
}
