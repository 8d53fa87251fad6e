// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Patterns;

/// <summary>A pattern cannot be used. The message tells people what is wrong and what to write instead.</summary>
public sealed class PatternException : Exception
{
    public PatternException(string message)
        : base(message)
    {
    }
}
