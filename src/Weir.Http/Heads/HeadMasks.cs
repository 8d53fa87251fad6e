// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Heads;

/// <summary>Sets of rules, each numbered once. Bit i of a mask is rule i.</summary>
internal sealed class HeadMasks
{
    private readonly Dictionary<string, int> _numbers = [];
    private readonly List<ulong[]> _all = [];

    public IReadOnlyList<ulong[]> All => _all;

    public int Number(ulong[] mask)
    {
        var text = string.Join(',', mask);
        if (!_numbers.TryGetValue(text, out var number))
        {
            number = _all.Count;
            _numbers.Add(text, number);
            _all.Add(mask);
        }

        return number;
    }
}
