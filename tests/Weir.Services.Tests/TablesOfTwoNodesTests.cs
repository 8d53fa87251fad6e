// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.Services.Tests;

/// <summary>Nodes that give backends other numbers, hear of changes otherwise and start at other times, and pick the same backends.</summary>
public sealed class TablesOfTwoNodesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AfterAnyHistory_AllNodesPickTheSame(int seed)
    {
        var random = new Random(seed);
        var one = new Node(100);
        var other = new Node(5000);
        List<(string Key, int Weight)> backends = [("10.40.0.2:80", 1), ("10.40.1.2:80", 1)];
        var largest = 0;
        for (var change = 0; change < 40; change++)
        {
            var key = $"10.40.{random.Next(4)}.{random.Next(2, 12)}:80";
            if (backends.RemoveAll(backend => backend.Key == key) == 0 || backends.Count == 0)
            {
                backends.Insert(random.Next(backends.Count + 1), (key, random.Next(1, 4)));
            }

            largest = Math.Max(largest, MaglevTable.SizeFor([.. backends.Select(backend => new MaglevBackend(backend.Key, 1, backend.Weight))]));
            one.Hear(backends, largest);
            // Several changes at once, in another order; the last one both hear.
            if (random.Next(3) > 0 || change == 39)
            {
                other.Hear([.. backends.OrderBy(_ => random.Next())], largest);
                Assert.Equal(one.Picks(previous: false), other.Picks(previous: false));
            }
        }

        var late = new Node(1);
        late.Hear(backends, largest);
        Assert.Equal(one.Picks(previous: false), late.Picks(previous: false));
        one.End();
        other.End();
        Assert.Equal(one.Picks(previous: true), other.Picks(previous: true));
        Assert.Equal(one.Picks(previous: true), late.Picks(previous: true));
    }

    /// <summary>What one node's kernel has of a service.</summary>
    private sealed class Node(uint firstId)
    {
        private readonly Dictionary<string, uint> _ids = [];
        private (uint Backend, uint Previous)[] _slots = [];
        private uint _next = firstId;

        /// <param name="size">The largest table that any node needed so far.</param>
        public void Hear(IReadOnlyList<(string Key, int Weight)> backends, int size)
        {
            HashSet<uint> gone = [.. _ids.Where(known => backends.All(backend => backend.Key != known.Key)).Select(known => known.Value)];
            foreach (var key in _ids.Where(known => gone.Contains(known.Value)).Select(known => known.Key).ToList())
            {
                _ids.Remove(key);
            }

            foreach (var (key, _) in backends.Where(backend => !_ids.ContainsKey(backend.Key)))
            {
                _ids[key] = _next++;
            }

            var table = MaglevTable.Build([.. backends.Select(backend => new MaglevBackend(backend.Key, _ids[backend.Key], backend.Weight))], size);
            _slots = _slots.Length == 0 ? SlotPlan.Begin(table) : SlotPlan.Change(_slots, table, gone);
        }

        public void End() => _slots = SlotPlan.End(_slots);

        /// <summary>The backend of each slot, for flows that are new; or, where a change is under way, for those from before it.</summary>
        public string[] Picks(bool previous)
        {
            var keys = _ids.ToDictionary(known => known.Value, known => known.Key);
            return [.. _slots.Select(slot => keys[previous && slot.Previous != 0 ? slot.Previous : slot.Backend])];
        }
    }
}
