// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Datapath;

/// <summary>The datapath cannot serve; the message lists every reason and what to do.</summary>
public sealed class DatapathException : WeirException
{
    public DatapathException(string message)
        : base(message)
    {
    }

    /// <param name="what">What failed.</param>
    /// <param name="problems">One line each.</param>
    /// <param name="remedy">What the operator can do.</param>
    public DatapathException(string what, IReadOnlyList<string> problems, string remedy)
        : base(string.Join("\n  ", problems.Prepend(what + ":")) + "\n" + remedy) => Problems = problems;

    public IReadOnlyList<string> Problems { get; } = [];
}
