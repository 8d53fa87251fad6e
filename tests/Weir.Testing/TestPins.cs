// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;

namespace Weir.Testing;

/// <summary>A folder for pins of a test's own; emptied and removed on dispose.</summary>
public sealed class TestPins : IDisposable
{
    private static int _count;

    public string Root { get; } = $"{BpfFileSystem.Root}/weir-test-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";

    public void Dispose()
    {
        if (Directory.Exists(Root))
        {
            Directory.Delete(Root, recursive: true);
        }
    }
}
