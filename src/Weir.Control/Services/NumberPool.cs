// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Services;

/// <summary>Numbers from 1 on, given out round and round: one that was given back is not given again soon,
/// so that a packet under way never meets its next owner.</summary>
internal sealed class NumberPool(uint limit)
{
    private readonly HashSet<uint> _taken = [];
    private uint _last;

    /// <summary>How many there are.</summary>
    internal int Capacity => (int)limit - 1;

    internal int Free => Capacity - _taken.Count;

    /// <summary>Someone has it already.</summary>
    internal void Claim(uint number) => _taken.Add(number);

    internal uint Take()
    {
        if (Free <= 0)
        {
            throw new InvalidOperationException("there is no free number: ask Free first");
        }

        do
        {
            _last = _last + 1 >= limit ? 1 : _last + 1;
        }
        while (!_taken.Add(_last));

        return _last;
    }

    internal void Release(uint number) => _taken.Remove(number);
}
