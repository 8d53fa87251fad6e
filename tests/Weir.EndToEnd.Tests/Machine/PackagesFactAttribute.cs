// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A test of what is shipped: it needs root and the one executable that build.sh makes ($WEIR_EXE), as test.sh has it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PackagesFactAttribute : FactAttribute
{
    public PackagesFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
        else if (!File.Exists(Sandbox.Weir + ".assets.json"))
        {
            Skip = "needs WEIR_EXE=out/weir, made by build.sh";
        }
    }
}
