// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Bpf;

/// <summary>CPUs that this kernel may ever have: per-CPU values have that many slots.</summary>
public static class PossibleCpus
{
    /// <summary>Read once from /sys/devices/system/cpu/possible ("0-7").</summary>
    public static int Count { get; } = Parse(File.ReadAllText("/sys/devices/system/cpu/possible"));

    internal static int Parse(string list)
    {
        int highest = 0;
        foreach (string part in list.Trim().Split(',', '-'))
        {
            highest = Math.Max(highest, int.Parse(part, CultureInfo.InvariantCulture));
        }

        return highest + 1;
    }
}
