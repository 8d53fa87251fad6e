// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Services.Reading;

namespace Weir.Cli;

/// <summary>What values options take beyond their type.</summary>
internal static class OptionRules
{
    private static readonly TimeSpan _longest = TimeSpan.FromDays(1);

    /// <summary>Refuses what is below 1.</summary>
    internal static Option<int> Positive(this Option<int> option)
    {
        option.Validators.Add(result =>
        {
            // What is no number is said by the parser; asked for its value, the result would throw.
            if (result.Tokens.Count > 0 && int.TryParse(result.Tokens[^1].Value, out int number) && number < 1)
            {
                result.AddError($"{option.Name} must be at least 1");
            }
        });
        return option;
    }

    /// <summary>Refuses what is no length of time, and none at all.</summary>
    internal static Option<string> IsDuration(this Option<string> option)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && (!Duration.TryParse(result.Tokens[0].Value, out TimeSpan time) || time <= TimeSpan.Zero || time > _longest))
            {
                result.AddError($"{option.Name} \"{result.Tokens[0].Value}\": write a time such as {Duration.Example}, at most {Duration.Write(_longest)}");
            }
        });
        return option;
    }
}
