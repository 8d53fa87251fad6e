// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Comparison;

/// <summary>Everybody whom two policies can tell apart: classes of containers, reserved peers, addresses outside.</summary>
internal sealed class Universe
{
    private readonly ComparisonLimits _limits;
    private readonly List<ulong[]> _labels;
    private readonly List<IpPrefix> _ranges;
    private readonly int _firstReserved;
    private readonly int _firstRange;
    private readonly LabelClasses _classes;
    private readonly int[] _order;
    private readonly Dictionary<string, PartySet> _described = [];

    public Universe(LabelClasses classes, int mostLabels, List<(ulong[] Mask, LabelSet Labels)> containers, List<PartyAtom> ranges, ComparisonLimits limits)
    {
        _limits = limits;
        _classes = classes;
        // Which number a container has decides nothing.
        var identity = new Identity(Identity.CidrScope - 1);
        Atoms =
        [
            .. containers.Select(container => new PolicyPeer(identity, container.Labels, null)).Zip(containers, (peer, container) => new PartyAtom(peer, peer, container.Mask)),
        ];
        _labels = [.. containers.Select(container => container.Mask)];
        _firstReserved = Atoms.Count;
        foreach (var reserved in Identity.Reserved.Where(reserved => !reserved.IsWorld && PolicyCheck.IsSomebody(reserved)))
        {
            var peer = PolicyPeer.ForReserved(reserved);
            Atoms.Add(new PartyAtom(peer, peer));
        }

        _firstRange = Atoms.Count;
        Atoms.AddRange(ranges);
        _ranges = [.. ranges.Select(range => range.Range!)];
        if (mostLabels < classes.Keys.Count)
        {
            Unproved = $"containers with more than {mostLabels} of the {classes.Keys.Count} labels that rules ask for ({string.Join(", ", classes.Keys.Take(8))}{(classes.Keys.Count > 8 ? ", …" : "")}): together they make too many classes";
        }

        // What is easiest to read is kept longest: "role=web" rather than "role not in (api)".
        _order = [.. Enumerable.Range(0, classes.Selectors.Count).OrderByDescending(i => Weight(classes.Selectors[i]))];
    }

    public List<PartyAtom> Atoms { get; }

    /// <summary>What is left out, and why; empty: nothing is.</summary>
    public string Unproved { get; } = "";

    /// <summary>Tells whom atoms are, and nobody else.</summary>
    public PartySet Describe(int[] atoms)
    {
        var key = string.Join(',', atoms);
        if (!_described.TryGetValue(key, out var set))
        {
            set = DescribeAnew([.. atoms]);
            _described.Add(key, set);
        }

        return set;
    }

    private static int Weight(EndpointSelector selector) =>
        (selector.Requirements.Count * 4) + selector.Requirements.Sum(requirement => requirement.Operator == SelectorOperator.In ? 0 : 2);

    private PartySet DescribeAnew(HashSet<int> atoms)
    {
        var cubes = Cubes.Cover(_labels, atoms.Contains, _order, _limits.Described, out var more);
        return new PartySet(
            [.. cubes.Select(cube => new LabelConditions([.. cube.Select(literal => (_classes.Selectors[literal.Literal], literal.Holds))]))],
            [.. Enumerable.Range(_firstReserved, _firstRange - _firstReserved).Where(atoms.Contains).Select(i => Atoms[i].Before.Identity)],
            AddressClasses.Describe(_ranges, i => atoms.Contains(_firstRange + i)),
            more);
    }
}
