// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Weir.Testing;

/// <summary>As <see cref="PrivilegedFactAttribute"/>, for a test with rows of data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PrivilegedTheoryAttribute : TheoryAttribute
{
    public PrivilegedTheoryAttribute()
    {
        if (!Environment.IsPrivilegedProcess && Environment.GetEnvironmentVariable("WEIR_TESTS_REQUIRE") != "privileged")
        {
            Skip = "needs root";
        }
    }
}
