// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;
using Weir.Net;
using Weir.Store.Files;
using Weir.Store.Memory;

namespace Weir.Store;

/// <summary>
/// A store in a folder: a snapshot, and a journal to which every transaction is appended with one sync. After a crash at any
/// moment a transaction is there whole or not at all, and it is there if its caller was told so. One process at a time has
/// the folder.
/// </summary>
public sealed class FileKeyValues : LocalKeyValues
{
    private readonly Generations? _files;
    private readonly string _folder;
    private readonly FileStoreOptions _options;
    private readonly IDisposable? _alone;
    private readonly ChangeThread _thread;
    private long _nextCompaction;

    private FileKeyValues(State state, Generations? files, string folder, FileStoreOptions options, IDisposable? alone)
        : base(state, options.Time, options.Retention)
    {
        _files = files;
        _folder = folder;
        _options = options;
        _alone = alone;
        _nextCompaction = options.SmallestJournal;
        _thread = new ChangeThread(e => options.Warn($"{folder}: {e}"));
    }

    /// <summary>Opens a folder, or makes it. What a version before journals kept in it is taken over.</summary>
    /// <exception cref="StoreInUseException">Another process has it.</exception>
    /// <exception cref="StoreDamagedException">It is not as it was written, or a newer version wrote it.</exception>
    public static FileKeyValues Open(string folder, FileStoreOptions? options = null)
    {
        options ??= new FileStoreOptions();
        FileLock? alone = null;
        try
        {
            string lockFile = Path.Combine(folder, FileNames.Lock);
            if (!options.IsReadOnly && FolderDisk.Prepare(folder))
            {
                options.Warn($"others than its owner may enter {folder}, which has other things in it: a folder of its own with mode 0700 is better");
            }

            alone = options.IsReadOnly && !File.Exists(lockFile) ? null : FileLock.Acquire(lockFile);
            return Open(new FolderDisk(folder, options.IsDurable), folder, options, alone);
        }
        catch (LinuxException e) when (e.Number == Errno.TryAgain)
        {
            throw new StoreInUseException($"the state folder {folder} is in use: {e.Message}; stop that process, or give this one a folder of its own", e);
        }
        catch (Exception e) when (WeirException.IsExpected(e) && e is not StoreException)
        {
            alone?.Dispose();
            throw new StoreException($"open the state folder {folder}: {e.Message}", e);
        }
        catch
        {
            alone?.Dispose();
            throw;
        }
    }

    internal static FileKeyValues Open(IDisk disk, string folder, FileStoreOptions options, IDisposable? alone)
    {
        if (options.IsReadOnly)
        {
            State read = Generations.Read(disk, options.Retention)?.State ?? Takeover.Read(disk, Takeover.Find(disk.List()));
            return new FileKeyValues(read, null, folder, options, alone);
        }

        Generations files = Generations.Open(disk, options.Retention, options.Warn, out State state);
        return new FileKeyValues(state, files, folder, options, alone);
    }

    private protected override ValueTask<T> RunAsync<T>(Func<T> change, CancellationToken cancel)
    {
        ThrowIfClosed();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isPosted = _thread.Post(() =>
        {
            try
            {
                cancel.ThrowIfCancellationRequested();
                done.SetResult(change());
            }
            catch (OperationCanceledException)
            {
                done.SetCanceled(cancel);
            }
#pragma warning disable CA1031 // Whatever it is, it is the caller's, and the thread goes on.
            catch (Exception e)
#pragma warning restore CA1031
            {
                done.SetException(e);
            }
        });
        ObjectDisposedException.ThrowIf(!isPosted, this);
        return new(done.Task);
    }

    private protected override void Keep(Entry entry)
    {
        if (_files is null)
        {
            return;
        }

        try
        {
            _files.Append(entry, Current);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"write to {_folder}: {e.Message}; nothing of this change is kept", e);
        }

        if (_files.HasGrown(_nextCompaction))
        {
            _thread.Post(Compact);
        }
    }

    private protected override void Close()
    {
        _thread.End();
        _files?.Dispose();
        _alone?.Dispose();
    }

    private void Compact()
    {
        if (!_files!.HasGrown(_nextCompaction))
        {
            return; // asked for twice
        }

        try
        {
            _files.Renew(Current);
            _nextCompaction = _options.SmallestJournal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _nextCompaction *= 2;
            _options.Warn($"{_folder}: the journal stays, though it is long: {e.Message}");
        }
    }
}
