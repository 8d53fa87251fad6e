// SPDX-License-Identifier: Apache-2.0
using Weir.Policy;

namespace Weir.Services;

/// <summary>What was read, and everything that is wrong with it. With an error nothing of it may be applied.</summary>
public sealed record ServiceReadResult(IReadOnlyList<ServiceSpec> Services, IReadOnlyList<Problem> Problems)
{
    /// <summary>Whether a problem is more than a warning.</summary>
    public bool HasErrors => Problems.Any(problem => problem.IsError);
}
