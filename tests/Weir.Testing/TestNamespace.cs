// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;

namespace Weir.Testing;

/// <summary>A network namespace of a test's own; gone on dispose. The host's is never touched.</summary>
public sealed class TestNamespace : IDisposable
{
    public FileDescriptor Descriptor { get; } = NetworkNamespace.Create();

    /// <summary>Runs the work inside, on a thread of its own.</summary>
    public T Run<T>(Func<T> work) => NetworkNamespace.Run(Descriptor, "of the test", work);

    /// <summary>Runs the work inside, on a thread of its own.</summary>
    public void Run(Action work) => Run(() =>
    {
        work();
        return true;
    });

    public void Dispose() => Descriptor.Dispose();
}
