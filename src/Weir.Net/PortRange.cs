// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Net;

/// <summary>Ports from one to another, both of them in it.</summary>
public readonly record struct PortRange(ushort First, ushort Last)
{
    public int Count => Last - First + 1;

    /// <summary>Reads "61000-65535".</summary>
    public static bool TryParse(string? text, out PortRange range)
    {
        range = default;
        string[] ends = (text ?? "").Split('-');
        if (ends.Length != 2
            || !ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
            || !ushort.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last)
            || first > last)
        {
            return false;
        }

        range = new PortRange(first, last);
        return true;
    }

    public bool Contains(int port) => port >= First && port <= Last;

    public bool Overlaps(PortRange other) => First <= other.Last && other.First <= Last;

    public override string ToString() => $"{First}-{Last}";
}
