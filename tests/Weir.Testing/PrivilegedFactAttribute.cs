// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Weir.Testing;

/// <summary>A test that needs root. Without it the test is skipped, unless WEIR_TESTS_REQUIRE=privileged
/// says that this machine must run it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PrivilegedFactAttribute : FactAttribute
{
    public PrivilegedFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess && Environment.GetEnvironmentVariable("WEIR_TESTS_REQUIRE") != "privileged")
        {
            Skip = "needs root";
        }
    }
}
