// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Duration = Weir.Services.Reading.Duration;

namespace Weir.Cli;

/// <summary>Times of the past, as people write them.</summary>
internal static class Moments
{
    internal const string Example = "how long ago, such as 24h or 7d, or a time: 03:12, yesterday, 2026-11-28T03:12";

    internal static Option<string> Since() => Option("--since", Example);

    internal static Option<string> Until() => Option("--until", "the same for the end; now if not given");

    internal static Option<string> Option(string name, string description)
    {
        var option = new Option<string>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && At(result.Tokens[0].Value, DateTimeOffset.Now) is null)
            {
                result.AddError($"{name} \"{result.Tokens[0].Value}\": write how long ago, such as 24h or 7d, or a time, such as 03:12, \"yesterday 03:12\" or 2026-11-28T03:12");
            }
        });
        return option;
    }

    internal static Option<string> Default(this Option<string> option, string text)
    {
        option.DefaultValueFactory = _ => text;
        return option;
    }

    /// <summary>A time of day is the last one that was, where the command runs; "yesterday" is this time of yesterday.</summary>
    /// <returns>Null: it is none.</returns>
    internal static Timestamp? At(string text, DateTimeOffset now)
    {
        if (Duration.TryParse(text, out TimeSpan ago) && ago < now - DateTimeOffset.UnixEpoch)
        {
            return Timestamp.FromDateTimeOffset(now - ago);
        }

        const string Yesterday = "yesterday";
        bool isYesterday = text.StartsWith(Yesterday, StringComparison.OrdinalIgnoreCase);
        string rest = isYesterday ? text[Yesterday.Length..].Trim() : text;
        if (isYesterday && rest.Length == 0)
        {
            return Timestamp.FromDateTimeOffset(now.AddDays(-1));
        }

        if (TimeOnly.TryParseExact(rest, ["HH:mm", "HH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly clock))
        {
            DateTime moment = now.Date + clock.ToTimeSpan();
            return Timestamp.FromDateTime((isYesterday || moment > now.DateTime ? moment.AddDays(-1) : moment).ToUniversalTime());
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset instant) && instant > DateTimeOffset.UnixEpoch
            ? Timestamp.FromDateTimeOffset(instant)
            : null;
    }
}
