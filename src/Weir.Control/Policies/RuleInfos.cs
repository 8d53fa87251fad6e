// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Rules as the API tells them.</summary>
public static class RuleInfos
{
    public static RuleInfo ToInfo(this Rule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        return new RuleInfo
        {
            Id = rule.Id,
            Name = rule.Name,
            File = rule.Location.File,
            Line = rule.Location.Line,
            Description = rule.Description,
            Audit = rule.IsAudit,
        };
    }
}
