// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>What values options take beyond their type.</summary>
internal static class OptionRules
{
    /// <summary>Refuses what is below 1.</summary>
    internal static Option<int> Positive(this Option<int> option)
    {
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() || result.Tokens.Count == 0)
            {
                return;
            }

            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError($"{option.Name} must be at least 1");
            }
        });
        return option;
    }
}
