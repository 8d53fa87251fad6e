// SPDX-License-Identifier: Apache-2.0
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>How long a client keeps its backend, as people write it in files and on the command line.</summary>
public static class AffinityTime
{
    /// <summary>What it may be, for whoever wrote something else.</summary>
    public static string Expected { get; } = $"a time from 1s to {Duration.Write(TimeSpan.FromSeconds(ServiceSpec.MostAffinitySeconds))} such as 90s, 3h or 1h30m, or off";

    /// <summary>"3h", "1h30m"; "off" and "0" for none. A number without its unit is nobody knows what.</summary>
    public static bool TryParse(string text, out int seconds)
    {
        ArgumentNullException.ThrowIfNull(text);
        seconds = 0;
        if (text is "off" or "none" or "0" or "false")
        {
            return true;
        }

        if (!Duration.TryParse(text, out var time) || time.TotalSeconds is < 1 or > ServiceSpec.MostAffinitySeconds)
        {
            return false;
        }

        seconds = (int)time.TotalSeconds;
        return true;
    }
}
