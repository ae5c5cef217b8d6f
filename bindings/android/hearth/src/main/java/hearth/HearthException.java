package hearth;

/** A status of hearth that is not HEARTH_OK, with its sentence as message. */
public final class HearthException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The number of the status, as in hearth.h. */
    private final int status;
    /** "HEARTH_EFORMAT" for a status. */
    private final String statusName;

    HearthException(int status, String statusName, String message) {
        super(message);
        this.status = status;
        this.statusName = statusName;
    }

    public int getStatus() {
        return status;
    }

    public String getStatusName() {
        return statusName;
    }
}
