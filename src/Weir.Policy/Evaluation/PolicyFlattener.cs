// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>
/// Turns the entries that apply to one peer into map entries for longest-prefix matching: as few as
/// possible (optimal route table construction, Draves et al. 1999), and none where the lookup of
/// identity 0 answers the same.
/// </summary>
/// <remarks>
/// An answer is a colour: an index into the answers met so far. Colour 0 is "no entry": acceptable where
/// the fallback gives the right answer, but only while no shorter entry of the same identity covers the place.
/// </remarks>
internal sealed class PolicyFlattener
{
    private const int NoEntry = 0;
    private const int PortBits = 16;

    private readonly EntryOfRule[] _entries;
    private readonly Fallback _onNone;
    private readonly PortNames _names;
    private readonly EntryOfRule[]? _fallback;
    private readonly PortNames _fallbackNames;
    private readonly List<(bool Allow, uint RuleId, HttpPolicy? Http, AuditRefusal? Audited)> _colours = [(false, 0, null, null)];
    private readonly List<FlatEntry> _result = [];

    private PolicyFlattener(
        EntryOfRule[] entries, Fallback onNone, PortNames names, EntryOfRule[]? fallback, PortNames fallbackNames)
    {
        _entries = entries;
        _onNone = onNone;
        _names = names;
        _fallback = fallback;
        _fallbackNames = fallbackNames;
    }

    /// <summary>
    /// Flattens the entries of a peer. <paramref name="fallback"/> are the entries of identity 0, a part of
    /// <paramref name="entries"/>; null flattens identity 0 itself, where the map's own answer is "no rule".
    /// </summary>
    public static List<FlatEntry> Flatten(
        EntryOfRule[] entries, Fallback onNone, PortNames names, EntryOfRule[]? fallback, PortNames fallbackNames) =>
        new PolicyFlattener(entries, onNone, names, fallback, fallbackNames).Run();

    private List<FlatEntry> Run()
    {
        var protocols = PortRegions.Protocols;
        var tries = new Node[protocols.Count];
        for (var i = 0; i < tries.Length; i++)
        {
            var starts = PortRegions.Starts(_entries, _names, protocols[i]);
            tries[i] = Build(protocols[i], starts, Colour(protocols[i], starts), 0, PortBits);
        }

        // Other protocols are reached by the shortest entry only, so its colour must be one of theirs.
        var chosen = NoEntry;
        var bestScore = int.MinValue;
        foreach (var colour in Acceptable(PortRegions.AnyOther, 0))
        {
            var score = (colour == NoEntry ? 0 : -1) + tries.Count(trie => Array.IndexOf(trie.Colours, colour) >= 0);
            if (score > bestScore)
            {
                (chosen, bestScore) = (colour, score);
            }
        }

        if (chosen != NoEntry)
        {
            Add(null, 0, 0, chosen);
        }

        for (var i = 0; i < tries.Length; i++)
        {
            Emit(tries[i], protocols[i], 0, 0, chosen);
        }

        return _result;
    }

    private int[][] Colour(IpProtocol protocol, List<int> starts)
    {
        var colours = new int[starts.Count][];
        for (var i = 0; i < colours.Length; i++)
        {
            colours[i] = Acceptable(protocol, (ushort)starts[i]);
        }

        return colours;
    }

    /// <summary>The colours a place may have, ascending.</summary>
    private int[] Acceptable(IpProtocol protocol, ushort port)
    {
        var decision = Evaluator.Decide(_entries, _onNone, _names, protocol, port);
        var otherwise = _fallback is null
            ? Decision.NoRule
            : Evaluator.Decide(_fallback, _onNone, _fallbackNames, protocol, port);
        var colour = ColourOf(decision);
        return AnswerOf(decision).Equals(AnswerOf(otherwise)) ? [NoEntry, colour] : [colour];
    }

    private int ColourOf(Decision decision)
    {
        for (var i = 1; i < _colours.Count; i++)
        {
            if (_colours[i].Equals(AnswerOf(decision)))
            {
                return i;
            }
        }

        _colours.Add(AnswerOf(decision));
        return _colours.Count - 1;
    }

    private static (bool Allow, uint RuleId, HttpPolicy? Http, AuditRefusal? Audited) AnswerOf(Decision decision) => (decision.Allowed, decision.RuleId, decision.Http, decision.Audited);

    private static Node Build(IpProtocol protocol, List<int> starts, int[][] colours, int first, int bits)
    {
        var region = RegionOf(starts, first);
        var last = first + (1 << bits) - 1;
        if (region == starts.Count - 1 || starts[region + 1] > last)
        {
            return new Node(colours[region], null, null);
        }

        var low = Build(protocol, starts, colours, first, bits - 1);
        var high = Build(protocol, starts, colours, first + (1 << (bits - 1)), bits - 1);
        if (low.IsLeaf && high.IsLeaf && low.Colours.AsSpan().SequenceEqual(high.Colours))
        {
            return low;
        }

        var common = Intersect(low.Colours, high.Colours);
        return new Node(common.Length > 0 ? common : Unite(low.Colours, high.Colours), low, high);
    }

    private static int RegionOf(List<int> starts, int port)
    {
        var index = starts.BinarySearch(port);
        return index >= 0 ? index : ~index - 1;
    }

    private void Emit(Node node, IpProtocol protocol, int first, int length, int inherited)
    {
        var colour = inherited;
        if (Array.IndexOf(node.Colours, inherited) < 0)
        {
            // Where only "no entry" would do for the whole, but a shorter entry covers it, the parts see to themselves.
            var own = Array.Find(node.Colours, candidate => candidate != NoEntry);
            if (own != NoEntry)
            {
                colour = own;
                Add(protocol, first, length, own);
            }
        }

        if (!node.IsLeaf)
        {
            Emit(node.Low!, protocol, first, length + 1, colour);
            Emit(node.High!, protocol, first + (1 << (PortBits - length - 1)), length + 1, colour);
        }
    }

    private void Add(IpProtocol? protocol, int port, int length, int colour) =>
        _result.Add(new FlatEntry((byte?)protocol, (ushort)port, (byte)length, _colours[colour].Allow, _colours[colour].RuleId, _colours[colour].Http, _colours[colour].Audited));

    private static int[] Intersect(int[] left, int[] right) => Array.FindAll(left, colour => Array.IndexOf(right, colour) >= 0);

    private static int[] Unite(int[] left, int[] right)
    {
        int[] both = [.. left, .. right];
        Array.Sort(both);
        return both;
    }

    /// <summary>Part of the port space; a leaf is decided alike throughout.</summary>
    private sealed record Node(int[] Colours, Node? Low, Node? High)
    {
        public bool IsLeaf => Low is null;
    }
}
