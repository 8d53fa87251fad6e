// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Weir.DatapathBench;

/// <summary>How long a measurement goes on. Where instructions are counted instead of time, a short one is as good as a
/// long one: bench/instructions.sh sets both variables.</summary>
internal static class Length
{
    /// <summary>How often all rows are measured in turn.</summary>
    public static int Rounds { get; } = Of("WEIR_BENCH_ROUNDS", 9);

    /// <summary>Packets of known flows in one measurement.</summary>
    public static int Known { get; } = Of("WEIR_BENCH_PACKETS", 200_000);

    /// <summary>Packets that open flows, or are denied, in one measurement: in all rounds fewer than there are ports.</summary>
    public static int New => Math.Min(5_000, Known - 1);

    private static int Of(string variable, int usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? int.Parse(value, CultureInfo.InvariantCulture) : usual;
}
