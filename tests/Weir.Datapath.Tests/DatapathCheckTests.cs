// SPDX-License-Identifier: Apache-2.0

using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class DatapathCheckTests
{
    [PrivilegedFact]
    public void Run_ThisMachine_MeetsEveryRequirement() =>
        Assert.All(DatapathCheck.Run(new DatapathOptions()), r => Assert.True(r.Problem is null, $"{r.Name}: {r.Problem}"));

    [PrivilegedFact]
    public void Run_ImpossibleSize_NamesTheMap()
    {
        DatapathRequirement failed = Assert.Single(DatapathCheck.Run(new DatapathOptions { EventBytes = 1000 }), r => r.Problem is not null);

        Assert.Contains("weir_events", failed.Name, StringComparison.Ordinal);
    }
}
