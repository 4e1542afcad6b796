// span
